"""Trades, as the market tells them, and as each of their two accounts sees them."""

from __future__ import annotations

import msgspec

from projections.series import Series
from projections.tables import Table, Write
from streams.messages import Execution, OrderUpdate, Trade

TRADES_PER_BUCKET = 2**15
"""About ten megabytes of a market's trades, and three times that of them as their accounts saw
them."""

EVENTS_PER_BUCKET = 2**16
"""Of a market's events, few of which are prevented matches."""

TRADES = Series(
    Table("trades", ("market", "bucket"), ("trade_id",), ("event",)),
    TRADES_PER_BUCKET,
    msgspec.json.Decoder(Trade).decode,
    lambda trade: trade.time,
)
FILLS = Series(
    Table("fills", ("market", "bucket"), ("account", "trade_id", "order_id"), ("event",), owners=1),
    TRADES_PER_BUCKET,
    msgspec.json.Decoder(OrderUpdate).decode,
    lambda update: update.at,
)


PREVENTED_MATCHES = Series(
    Table("prevented_matches", ("market", "bucket"), ("account", "match_id"), ("event",), owners=1),
    EVENTS_PER_BUCKET,
    msgspec.json.Decoder(OrderUpdate).decode,
    lambda update: update.at,
)


def rows_of_prevented_matches(event: OrderUpdate, text: str) -> list[Write]:
    """A match that was no trade. The updates of its two orders say the same of it."""
    if event.prevention is None:
        return []
    key, row = (event.market, event.account), (int(event.market_seq),)
    return [PREVENTED_MATCHES.write(key, row, event.at, text, event.seq)]


def rows_of_trades(event: Trade, text: str) -> list[Write]:
    """The trade, for everybody."""
    return [TRADES.write((event.market,), (event.trade_id,), event.time, text, event.seq)]


def rows_of_fills(event: OrderUpdate, text: str) -> list[Write]:
    """The trade as one of its orders saw it; an account that meets itself has two."""
    if event.execution is not Execution.TRADE:
        return []
    key, row = (event.market, event.account), (event.trade_id, int(event.order_id))
    return [FILLS.write(key, row, event.at, text, event.seq)]
