"""Whether the three doors agree, and whether money is conserved. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from infra.demo.seen import SeenTrade
from streams.messages import format_plain

EXAMPLES = 3


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that must hold: whether it does, and what was seen."""

    name: str
    holds: bool
    seen: str


def every_order_has_an_outcome(acknowledged: Iterable[int], outcomes: Iterable[int]) -> Check:
    """Each order that a trader was told of is known by its outcome."""
    acknowledged = set(acknowledged)
    missing = sorted(acknowledged - set(outcomes))
    seen = f"{len(acknowledged)} orders"
    if missing:
        seen += f", {len(missing)} without an outcome: {missing[:EXAMPLES]}"
    return Check("every acknowledged order has an outcome", not missing, seen)


def doors_agree(doors: Mapping[str, Mapping[tuple[str, int], SeenTrade]]) -> Check:
    """The doors told of the same trades, with the same prices and quantities."""
    name = "the doors tell of the same trades"
    (first, reference), *others = doors.items()
    for other, trades in others:
        either = reference.keys() | trades.keys()
        differing = {key for key in either if reference.get(key) != trades.get(key)}
        if differing:
            example = min(differing)
            told = f"{reference.get(example)} and {trades.get(example)}"
            seen = f"{first} and {other} differ in {len(differing)} trades, first: {told}"
            return Check(name, False, seen)
    return Check(name, True, f"{len(reference)} trades at {', '.join(doors)}")


def none_told_twice(twice: Mapping[str, list[SeenTrade]]) -> Check:
    """No door told of a trade more than once."""
    total = sum(map(len, twice.values()))
    return Check("no trade is told twice", not total, f"{total} repeated" if total else "none")


def money_is_conserved(
    before: Mapping[str, int],
    after: Mapping[str, int],
    deposited: Mapping[str, int],
    fees: Mapping[str, int],
) -> Check:
    """Of each asset: what all accounts have grown by, and the fees, are what was deposited.

    All in units.
    """
    name = "money is conserved"
    for asset in sorted(before.keys() | after.keys() | deposited.keys()):
        grown = after.get(asset, 0) - before.get(asset, 0)
        missing = deposited.get(asset, 0) - fees.get(asset, 0) - grown
        if missing:
            return Check(name, False, f"{asset}: {format_plain(missing)} missing")
    seen = ", ".join(
        f"{asset} {format_plain(units)}" for asset, units in sorted(after.items()) if units
    )
    return Check(name, True, f"held by all accounts: {seen}")
