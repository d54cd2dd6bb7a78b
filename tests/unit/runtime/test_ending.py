"""A worker without its agent ends, also where its stopping waits for ever."""

from __future__ import annotations

import subprocess
import sys

STUCK = """
import logging
import threading
from streams.runtime import worker
from streams.runtime.ledger_worker import ROLE
logging.basicConfig()
worker.END_LIMIT_S = 0.1
worker._end_soon(ROLE)
threading.Event().wait(30)
"""


def test_a_process_whose_agent_has_ended_is_gone_within_the_limit() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", STUCK], capture_output=True, text=True, timeout=25, check=False
    )
    assert ended.returncode == 1
    assert "ledger has not stopped" in ended.stderr
