"""How far the ledger of one partition has come, and whoever waits for it to come further."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from streams.messages import BalanceUpdate, Sequence, Update

Position = tuple[int, int]
"""A command's place in its partition of `commands`: offset, and index in the frame."""


class Progress:
    """What is known from the updates of one partition, and those who wait for more."""

    def __init__(self, partition: int) -> None:
        self._ledger = f"ledger:{partition}"
        self._position: Position = (-1, -1)
        self._settled: dict[str, Sequence] = {}
        self._waiting: dict[asyncio.Future[None], Callable[[], bool]] = {}

    def apply(self, update: Update) -> None:
        """Take an update in. Those who wait learn of it by `wake`."""
        if update.source == self._ledger:
            place = (update.cause.offset, update.cause.index)
            if place > self._position:
                self._position = place
            if isinstance(update, BalanceUpdate) and update.settled is not None:
                source, seq = update.settled
                self._settled[source] = max(seq, self._settled.get(source, Sequence(0)))

    def has_reached(self, position: Position) -> bool:
        """Whether the ledger has said what it made of the command there.

        Only of a command that the ledger itself answers: one it passes on leaves no trace here.
        """
        return self._position >= position

    def has_settled(self, settlements: Mapping[str, Sequence]) -> bool:
        """Whether each market's settlements are in the balances, up to those named."""
        return all(self._settled.get(source, 0) >= seq for source, seq in settlements.items())

    def wake(self) -> None:
        """Let those go on whose condition has come true."""
        for future, condition in list(self._waiting.items()):
            if not future.done() and condition():
                future.set_result(None)

    async def until(self, condition: Callable[[], bool], timeout_s: float) -> None:
        """Return once the condition holds; it is looked at after each batch of updates.

        Raises `TimeoutError`.
        """
        if condition():
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[future] = condition
        try:
            async with asyncio.timeout(timeout_s):
                await future
        finally:
            del self._waiting[future]
