"""Several instances of the REST door, side by side."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx

from infra import launch, processes
from infra.installation import Installation
from infra.ports import free_port
from infra.processes import Process
from infra.services import BY_NAME

LIMIT_S = 30.0
READY_LIMIT_S = 60.0


class Door:
    """Another api, in a process of its own."""

    def __init__(self, process: Process, http: httpx.Client) -> None:
        self.http = http
        self._process = process

    def kill(self) -> None:
        """End it as SIGKILL does: at once, without a chance to finish anything."""
        os.kill(self._process.pid, signal.SIGKILL)


@contextmanager
def another_door(installation: Installation) -> Iterator[Door]:
    port = free_port(0)
    settings = installation.settings.model_copy(update={"worker": f"at-{port}"})
    process = processes.start(
        [sys.executable, "-m", "infra.cli", "api"],
        settings.home / "logs" / f"api-{port}.log",
        f"http://127.0.0.1:{port}",
        launch.environment(BY_NAME["api"], settings, port),
    )
    try:
        wait(lambda: launch.is_ready(process.address), READY_LIMIT_S)
        with httpx.Client(base_url=process.address, timeout=20) as http:
            yield Door(process, http)
    finally:
        process.stop()


def wait(holds: Callable[[], bool], limit_s: float = LIMIT_S) -> None:
    deadline = time.monotonic() + limit_s
    while not holds():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.05)
