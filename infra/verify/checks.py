"""What a verification finds."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass


class Difference(Exception):
    """Something is not what it must be. The message names the first such thing, and where."""


class CannotVerify(Exception):
    """What a verification needs is not there; says nothing about whether the system is right."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that must hold: what was compared, and the first difference found, if any."""

    name: str
    compared: str
    difference: str | None = None

    @property
    def holds(self) -> bool:
        return self.difference is None


def check(name: str, compare: Callable[[], str]) -> Check:
    """Make a comparison, which says what it compared or raises `Difference`."""
    try:
        return Check(name, compare())
    except Difference as difference:
        return Check(name, "", str(difference))


async def checked(name: str, compared: Awaitable[str]) -> Check:
    """As `check`, for one that waits."""
    try:
        return Check(name, await compared)
    except Difference as difference:
        return Check(name, "", str(difference))


def count(number: int, noun: str) -> str:
    """`1 record`, `1,200 records`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
