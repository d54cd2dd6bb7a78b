"""Double entry: amounts are only ever moved, so nothing is made and nothing is lost.

For each asset the pots of a partition, those of its customers and its system accounts together,
sum to zero at every moment: `move` is the one place where an amount changes.
"""

from __future__ import annotations

from mypy_extensions import mypyc_attr

from streams.messages import UNITS_MAX, Asset, Balance, Units

UNITS_MIN = -UNITS_MAX


@mypyc_attr(native_class=False)
class LedgerCorrupt(RuntimeError):
    """What was asked would leave the books wrong: a bug or corruption, never bad input.

    The process must stop; its state is not to be used any more.
    """


@mypyc_attr(acyclic=True)
class Pot:
    """An amount of one asset, in units, that never goes below `least`."""

    __slots__ = ("least", "units")

    def __init__(self, least: int = 0, units: int = 0) -> None:
        self.least = least
        self.units = units


@mypyc_attr(acyclic=True)
class Purse:
    """What one account has of one asset: free to use, and held for its open orders."""

    __slots__ = ("asset", "available", "held")

    def __init__(self, asset: Asset, available: int = 0, held: int = 0) -> None:
        self.asset = asset
        self.available = Pot(units=available)
        self.held = Pot(units=held)

    @property
    def balance(self) -> Balance:
        return Balance(self.asset, Units(self.available.units), Units(self.held.units))


class SystemAccounts:
    """The counterparts of what customers have of one asset.

    `external` is withdrawals less deposits, so as a rule below zero. `fees` is what was earned.
    `clearing` holds what trades move between partitions, as the two sides of a trade may be
    settled in different ones: over all partitions it is zero when no settlement is in flight.
    """

    __slots__ = ("clearing", "external", "fees")

    def __init__(self, external: int = 0, fees: int = 0, clearing: int = 0) -> None:
        self.external = Pot(UNITS_MIN, external)
        self.fees = Pot(units=fees)
        self.clearing = Pot(UNITS_MIN, clearing)

    @property
    def total(self) -> int:
        return self.external.units + self.fees.units + self.clearing.units


def move(units: int, source: Pot, target: Pot) -> None:
    """Post `units` from one pot to another.

    Raises `LedgerCorrupt`, having changed nothing, when a pot would leave its range.
    """
    left = source.units - units
    grown = target.units + units
    if units < 0 or left < source.least or grown > UNITS_MAX:
        raise LedgerCorrupt(f"can't move {units} from {source.units} to {target.units}")
    source.units = left
    target.units = grown
