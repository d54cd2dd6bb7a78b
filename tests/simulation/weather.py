"""What goes wrong by chance: how long answers take, and which never come."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, fields
from enum import Enum, auto
from random import Random

LATENCY_S = 0.004
SLOW_S = 0.5


class Fate(Enum):
    """What becomes of an append."""

    DELIVERED = auto()
    LOST = auto()
    PARTIAL = auto()
    UNACKNOWLEDGED = auto()
    LATE = auto()


@dataclass
class Weather:
    """Chances, from 0 to 1, of what may befall one call; a calm one has none.

    `crash` is that of the calling process's death at some point of the call; `slow` makes it take
    up to half a second. The next four are fates of appends: refused without effect; an error after
    some of it, or all of it, took effect; and retried by the producer, long after, as after a
    break of the network. `unread` makes a read fail, `repeated` a poll begin before its position.
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
        for field in fields(self):
            if field.name != "rng":
                setattr(self, field.name, 0.0)

    def happens(self, chance: float) -> bool:
        return chance > 0 and self.rng.random() < chance

    def fate(self) -> Fate:
        """That of the next append."""
        drawn = self.rng.random()
        for fate, chance in (
            (Fate.LOST, self.lost),
            (Fate.PARTIAL, self.partial),
            (Fate.UNACKNOWLEDGED, self.unacknowledged),
            (Fate.LATE, self.late),
        ):
            if drawn < chance:
                return fate
            drawn -= chance
        return Fate.DELIVERED

    def delay(self) -> float:
        """How long one way through the network takes, in seconds."""
        most = SLOW_S if self.happens(self.slow) else LATENCY_S
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
