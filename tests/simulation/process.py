"""Processes: tasks that are paused, and die, together."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Generator
from contextvars import ContextVar
from typing import Any

_current: ContextVar[Process | None] = ContextVar("process", default=None)


class Process:
    """What SIGKILL, SIGSTOP and SIGCONT reach. Every task its tasks start belongs to it.

    A modelled service asks `gate` whenever it would hand something to the process or take
    something from it: one that is paused gets and gives nothing, one that is dead never will.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.is_alive = True
        self.dead = asyncio.Event()
        self._running = asyncio.Event()
        self._running.set()
        self._connected = asyncio.Event()
        self._connected.set()
        self._tasks: dict[asyncio.Task[Any], None] = {}

    def start(self, coroutine: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Run a task of this process."""
        token = _current.set(self)
        try:
            return asyncio.get_running_loop().create_task(coroutine)
        finally:
            _current.reset(token)

    def adopt(self, task: asyncio.Task[Any]) -> None:
        self._tasks[task] = None
        task.add_done_callback(lambda done: self._tasks.pop(done, None))

    @property
    def is_paused(self) -> bool:
        return not self._running.is_set()

    async def gate(self) -> None:
        """Pass when the process runs."""
        while not (self._running.is_set() and self.is_alive):
            if not self.is_alive:
                raise asyncio.CancelledError
            await self._running.wait()

    @property
    def is_cut_off(self) -> bool:
        return not self._connected.is_set()

    async def connected(self) -> None:
        """Wait until the network carries between this process and the broker."""
        await self._connected.wait()
        await self.gate()

    def cut_off(self) -> None:
        self._connected.clear()

    def mend(self) -> None:
        self._connected.set()

    def pause(self) -> None:
        self._running.clear()

    def resume(self) -> None:
        self._running.set()

    def kill(self) -> None:
        """End every task at the await where it stands; nothing in memory is used again."""
        self.is_alive = False
        self.dead.set()
        self._running.set()
        for task in list(self._tasks):
            task.cancel()


def adopting(
    loop: asyncio.AbstractEventLoop,
    coroutine: Coroutine[Any, Any, Any] | Generator[Any, None, Any],
) -> asyncio.Task[Any]:
    """A task factory that gives each task to the process that started it."""
    task: asyncio.Task[Any] = asyncio.Task(coroutine, loop=loop)
    process = _current.get()
    if process is not None:
        process.adopt(task)
    return task
