"""The harm that is done, each to a process that was found alive."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from collections.abc import Awaitable, Callable

from tests.chaos.venue import NODE_NAMES, SERVICE_NAMES, Venue

PAUSE_S = 13.0
"""Longer than a worker's session: its partitions move while it is paused."""

KILLED_AT_ONCE_MAX = 3
DOWN_S_MAX = 2.0

Fault = Callable[[Venue, random.Random], Awaitable[str]]


async def kill_services(venue: Venue, dice: random.Random) -> str:
    """SIGKILL to one to three services at once."""
    names = dice.sample(SERVICE_NAMES, dice.randint(1, KILLED_AT_ONCE_MAX))
    for name in names:
        _signal(venue, name, signal.SIGKILL)
    await asyncio.sleep(dice.uniform(0, DOWN_S_MAX))
    return f"killed {', '.join(names)}"


async def pause_service(venue: Venue, dice: random.Random) -> str:
    """SIGSTOP to a service for longer than its session, then SIGCONT."""
    name = dice.choice(SERVICE_NAMES)
    if _signal(venue, name, signal.SIGSTOP):
        await asyncio.sleep(PAUSE_S)
        _signal(venue, name, signal.SIGCONT)
    return f"paused {name}"


async def kill_node(venue: Venue, dice: random.Random) -> str:
    """SIGKILL to the broker or the database."""
    name = dice.choice(NODE_NAMES)
    _signal(venue, name, signal.SIGKILL)
    await asyncio.sleep(dice.uniform(0, DOWN_S_MAX))
    return f"killed {name}"


FAULTS: tuple[Fault, ...] = (kill_services, kill_services, kill_services, pause_service, kill_node)
"""With the weight that each has."""


def _signal(venue: Venue, name: str, number: signal.Signals) -> bool:
    process = venue.process(name)
    if process is None:
        return False
    os.kill(process.pid, number)
    return True
