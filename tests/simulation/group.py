"""A modelled consumer group: who holds which partitions, as Kafka's coordinator decides it.

Members are static: one that comes back under its slot's name within its session finds its
partitions still its own. Every rebalance deals all partitions anew, so that they move often.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from enum import Enum, auto
from typing import NamedTuple

from infra.settings import Settings
from tests.simulation.log import Broker

REBALANCE_LIMIT_S = 60.0
RETURN_UNNOTICED = 0.7
SESSION_S: float = Settings.model_fields["session_s"].default


class Standing(Enum):
    """What a heartbeat is answered."""

    MEMBER = auto()
    REJOIN = auto()


class Assignment(NamedTuple):
    generation: int
    partitions: list[int]


@dataclass
class Member:
    incarnation: int
    session: asyncio.TimerHandle | None = None


class Group:
    """The group of one role."""

    def __init__(self, partitions: int, broker: Broker) -> None:
        self._partitions = partitions
        self._broker = broker
        self._rng = broker.weather.rng
        self._members: dict[str, Member] = {}
        self._generation = 0
        self._dealt: dict[str, list[int]] = {}
        self._joining: dict[str, asyncio.Future[Assignment]] | None = None
        self._limit: asyncio.TimerHandle | None = None

    async def join(self, slot: str, incarnation: int) -> Assignment:
        """Become a member, or again; returns once the rebalance this may cause is over."""
        await self._broker.reached()
        known = self._members.get(slot)
        if known is not None and known.incarnation != incarnation:
            known.incarnation = incarnation
            if self._joining is None and self._rng.random() < RETURN_UNNOTICED:
                self._hear(slot)
                return Assignment(self._generation, self._dealt[slot])
        elif known is None:
            self._members[slot] = Member(incarnation)
        joined: asyncio.Future[Assignment] = asyncio.get_running_loop().create_future()
        self._rebalance()[slot] = joined
        self._hear(slot)
        self._deal_when_all_joined()
        return await joined

    def leave(self, slot: str) -> None:
        """Be no member any more; the others share what it held at once."""
        member = self._members.pop(slot, None)
        if member is not None and member.session is not None:
            member.session.cancel()
            self._rebalance().pop(slot, None)
            self._deal_when_all_joined()

    def heartbeat(self, slot: str, incarnation: int, generation: int) -> Standing:
        member = self._members.get(slot)
        if member is None or member.incarnation != incarnation:
            return Standing.REJOIN
        self._hear(slot)
        if self._joining is not None or generation != self._generation:
            return Standing.REJOIN
        return Standing.MEMBER

    def _hear(self, slot: str) -> None:
        """Begin a member's session anew."""
        member = self._members[slot]
        if member.session is not None:
            member.session.cancel()
        loop = asyncio.get_running_loop()
        member.session = loop.call_later(SESSION_S, self._session_over, slot)

    def _session_over(self, slot: str) -> None:
        waiting = None if self._joining is None else self._joining.get(slot)
        if self._broker.is_away or (waiting is not None and not waiting.done()):
            self._hear(slot)
            return
        del self._members[slot]
        self._rebalance().pop(slot, None)
        self._deal_when_all_joined()

    def _rebalance(self) -> dict[str, asyncio.Future[Assignment]]:
        """Who has joined the rebalance under way, which begins if there is none."""
        if self._joining is None:
            self._joining = {}
            loop = asyncio.get_running_loop()
            self._limit = loop.call_later(REBALANCE_LIMIT_S, self._go_on_without)
        return self._joining

    def _go_on_without(self) -> None:
        """Those who have not joined in time are no members any more."""
        joined = self._rebalance()
        for slot in [slot for slot in self._members if slot not in joined]:
            session = self._members.pop(slot).session
            if session is not None:
                session.cancel()
        self._deal_when_all_joined()

    def _deal_when_all_joined(self) -> None:
        joined = self._rebalance()
        if any(slot not in joined for slot in self._members):
            return
        if self._limit is not None:
            self._limit.cancel()
        self._joining = None
        self._generation += 1
        slots = sorted(self._members)
        self._rng.shuffle(slots)
        self._dealt = {slot: [] for slot in slots}
        for number in range(self._partitions if slots else 0):
            self._dealt[slots[number % len(slots)]].append(number)
        for slot, future in joined.items():
            self._hear(slot)
            if not future.done():
                future.set_result(Assignment(self._generation, self._dealt[slot]))
