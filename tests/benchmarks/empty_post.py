"""The limit of the order doors: an empty POST, served by FastAPI in a process of its own.

python -m tests.benchmarks.empty_post PORT
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from fastapi import FastAPI

from infra.launch import is_ready
from infra.ports import HOST, free_port

START_LIMIT_S = 60.0
STOP_LIMIT_S = 10.0
POLL_S = 0.05

PATH = "/empty"


def app() -> FastAPI:
    """What any FastAPI service costs that does nothing."""
    served = FastAPI()

    @served.post(PATH)
    async def empty() -> dict[str, str]:
        return {}

    @served.get("/ready")
    async def ready() -> dict[str, bool]:
        return {"ready": True}

    return served


@contextmanager
def serving() -> Iterator[int]:
    """Serve it until the end of the block; yields the port. Raises `TimeoutError`."""
    port = free_port(0)
    process = subprocess.Popen([sys.executable, "-m", __spec__.name, str(port)])
    try:
        deadline = time.monotonic() + START_LIMIT_S
        while not is_ready(f"http://{HOST}:{port}"):
            if time.monotonic() > deadline:
                raise TimeoutError("the empty service was not ready in time")
            time.sleep(POLL_S)
        yield port
    finally:
        process.terminate()
        process.wait(STOP_LIMIT_S)


if __name__ == "__main__":
    uvicorn.run(
        app(),
        host=HOST,
        port=int(sys.argv[1]),
        loop="uvloop",
        http="httptools",
        log_level="warning",
        access_log=False,
    )
