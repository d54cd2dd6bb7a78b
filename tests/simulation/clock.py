"""An event loop whose time passes only when nothing is left to do at the present moment.

Tasks run in asyncio's own order, so that a seed's interleavings are ones that can happen; what
differs from seed to seed is how long each answer takes.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from typing import Any, TypeVar
from unittest import mock

from streams.runtime import checkpoints, partitions, transport

T = TypeVar("T")

CLOCKED = (checkpoints, partitions, transport)
"""The modules that ask `time.monotonic`; they are told the simulated time."""


class Deadlock(RuntimeError):
    """Everything waits and nothing is due: no time that passes would change that."""


class SimulatedLoop(asyncio.BaseEventLoop):
    """A loop without sockets, threads or real time."""

    def __init__(self) -> None:
        super().__init__()
        self._now = 0.0
        self._selector = self

    def time(self) -> float:
        return self._now

    def select(self, timeout: float | None) -> list[Any]:
        """Stands for the selector, which a loop asks to wait until the next timer is due."""
        if timeout is None:
            raise Deadlock("every task waits for another")
        self._now += timeout
        return []

    def _process_events(self, event_list: list[Any]) -> None:
        """There are none."""

    def _write_to_self(self) -> None:
        """Nobody sleeps that would have to be woken."""


class _SimulatedTime:
    """Stands for the module `time` where the code under test looks at the clock."""

    def __init__(self, loop: SimulatedLoop) -> None:
        self.monotonic = loop.time

    def __getattr__(self, name: str) -> Any:
        return getattr(time, name)


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run to its end, with the code under test on the loop's time."""
    loop = SimulatedLoop()
    patches = [mock.patch.object(module, "time", _SimulatedTime(loop)) for module in CLOCKED]
    for patch in patches:
        patch.start()
    try:
        return loop.run_until_complete(main)
    finally:
        for patch in patches:
            patch.stop()
        _end(loop)


def _end(loop: SimulatedLoop) -> None:
    """Cancel what is left, as a process that ends does."""
    left = [task for task in asyncio.all_tasks(loop) if not task.done()]
    for task in left:
        task.cancel()
    if left:
        loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
    loop.close()
