"""What each account has of each asset."""

from __future__ import annotations

from collections.abc import Iterator

from projections.tables import Table, Write
from streams.messages import BalanceUpdate, Update

BALANCES = Table("balances", ("account",), ("asset",), ("available", "held"))


def rows_of_balances(event: Update, text: str) -> Iterator[Write]:
    """A row for each asset that changed, in units."""
    if isinstance(event, BalanceUpdate):
        for balance in event.balances:
            amounts = (balance.available, balance.held)
            yield Write(BALANCES, (event.account,), (balance.asset,), amounts, event.seq)
