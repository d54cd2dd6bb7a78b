"""What each account has of each asset."""

from __future__ import annotations

from projections.tables import Table, Write
from streams.messages import BalanceUpdate

BALANCES = Table("balances", ("account",), ("asset",), ("available", "held"))


def rows_of_balances(event: BalanceUpdate, text: str) -> list[Write]:
    """A row for each asset that changed, in units."""
    key, seq = (event.account,), event.seq
    return [
        Write(BALANCES, key, (balance.asset,), (balance.available, balance.held), seq)
        for balance in event.balances
    ]
