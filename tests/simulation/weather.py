"""What goes wrong by chance: how long answers take, and which never come."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from random import Random

LATENCY_S = 0.004
SLOW_S = 0.5


class Fate(StrEnum):
    """What becomes of an append."""

    DELIVERED = "delivered"
    LOST = "lost"
    PARTIAL = "partial"
    UNACKNOWLEDGED = "unacknowledged"
    LATE = "late"


@dataclass
class Weather:
    """Chances, from 0 to 1, of what may befall one call; a calm one has none.

    `crash` is that of the calling process's death at some point of the call; `slow` makes it take
    up to half a second. The next four are fates of appends: refused without effect; an error after
    some of it, or all of it, took effect; and held up in a connection that broke, which brings it
    long after, when it is mended. `unread` makes a read fail, `repeated` a poll begin before its
    position.
    """

    rng: Random
    crash: float = 0.0
    slow: float = 0.0
    lost: float = 0.0
    partial: float = 0.0
    unacknowledged: float = 0.0
    late: float = 0.0
    unread: float = 0.0
    repeated: float = 0.0
    counts: Counter[str] = field(default_factory=Counter)

    @classmethod
    def drawn(cls, rng: Random) -> Weather:
        """A seed's own weather: most kinds of trouble are absent from most seeds, as two troubles
        that hide each other would otherwise always come together.
        """
        weather = cls(rng)
        for name, most in MOST.items():
            if rng.random() < 0.4:
                setattr(weather, name, rng.random() * most)
        return weather

    def calm(self) -> None:
        for name in MOST:
            setattr(self, name, 0.0)

    def happens(self, kind: str) -> bool:
        """Whether it happens now; counted if it does."""
        chance: float = getattr(self, kind)
        if not chance or self.rng.random() >= chance:
            return False
        self.counts[kind] += 1
        return True

    def fate(self) -> Fate:
        """That of the next append."""
        for fate in (Fate.LOST, Fate.PARTIAL, Fate.UNACKNOWLEDGED, Fate.LATE):
            if self.happens(fate.value):
                return fate
        return Fate.DELIVERED

    def delay(self) -> float:
        """How long one way through the network takes, in seconds."""
        most = SLOW_S if self.happens("slow") else LATENCY_S
        return self.rng.random() * most

    async def pass_network(self) -> None:
        await asyncio.sleep(self.delay())


MOST = {
    "crash": 0.006,
    "slow": 0.2,
    "lost": 0.05,
    "partial": 0.08,
    "unacknowledged": 0.08,
    "late": 0.1,
    "unread": 0.05,
    "repeated": 0.5,
}
