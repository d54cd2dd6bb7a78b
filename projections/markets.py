"""The markets there are, as they are configured."""

from __future__ import annotations

from projections.tables import Table, Write
from streams.messages import Market

EVERYTHING = "all"
"""There are few rows, and they are read together: one partition holds them."""

MARKETS = Table("markets", ("shelf",), ("market",), ("event",))


def rows_of_markets(event: Market, text: str) -> list[Write]:
    """The market's latest configuration."""
    return [Write(MARKETS, (EVERYTHING,), (event.market,), (text,), event.seq)]
