"""When cyclic garbage is collected in a process that holds thousands of connections.

Python collects all of it once what is new amounts to a quarter of what is old. While clients come
that is again and again, each time through everything that all of them have: with a thousand, nobody
was told anything for 100 ms, where a frame takes 15 to reach them all. So here a full collection is
due when garbage is: each connection leaves some 60 objects that refer to each other.
"""

from __future__ import annotations

import asyncio
import gc
from typing import NoReturn

ENDED_MIN = 1_000
EVERY_S = 600.0
NEVER = 1_000_000_000


def take_over() -> None:
    """From now on full collections are `Garbage`'s decision. Young objects stay Python's business.

    For the whole process. What is there by now stays, and is not looked at again.
    """
    gc.collect()
    gc.freeze()
    young, middle, _ = gc.get_threshold()
    gc.set_threshold(young, middle, NEVER)


class Garbage:
    """Collects all of it when that pays."""

    def __init__(self) -> None:
        self._ended = 0

    def connection_ended(self, still_open: int) -> None:
        """Collect once as many have ended as are open, so that each costs its share and no more."""
        self._ended += 1
        if self._ended >= max(ENDED_MIN, still_open):
            self._collect()

    async def run(self) -> NoReturn:
        """Collect now and then what does not come from connections."""
        while True:
            await asyncio.sleep(EVERY_S)
            self._collect()

    def _collect(self) -> None:
        self._ended = 0
        gc.collect()
