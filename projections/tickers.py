"""The last 24 hours of each market."""

from __future__ import annotations

from projections.tables import Table, Write
from streams.messages import Ticker

EVERYTHING = "all"
"""There are few rows, and they are read together: one partition holds them."""

TICKERS = Table("tickers", ("shelf",), ("market",), ("event",))


def rows_of_tickers(event: Ticker, text: str) -> list[Write]:
    """The market's latest ticker."""
    return [Write(TICKERS, (EVERYTHING,), (event.market,), (text,), event.seq)]
