"""What the fields of public messages mean to who reads them, and what the topics are for."""

from __future__ import annotations

import msgspec

from streams.messages import Depth, Kline, Market, Ticker, Trade
from streams.topics import DEPTH, KLINES, MARKETS, TICKERS, TRADES, Topic

MESSAGES: dict[Topic, type[msgspec.Struct]] = {
    TRADES: Trade,
    DEPTH: Depth,
    TICKERS: Ticker,
    KLINES: Kline,
    MARKETS: Market,
}
"""What each public topic carries."""

SUMMARIES: dict[Topic, str] = {
    TRADES: "Every trade of every market, in the order in which they happened.",
    DEPTH: "Every change of every book, and now and then a whole book.",
    TICKERS: "The last 24 hours of each market; only the newest of each is kept.",
    KLINES: "Candles: the open one as it grows, and the last state of each that closed.",
    MARKETS: "How each market is configured; only the newest of each is kept.",
}

GUARANTEES: dict[Topic, str] = {
    TRADES: "`trade_id` rises by one; `seq` rises",
    DEPTH: "each diff's `first_seq` is the `seq` of the diff before, plus one",
    TICKERS: "`seq` rises; states in between may be left out",
    KLINES: "by interval, `seq` rises; states of the open candle may be left out",
    MARKETS: "`seq` rises",
}
"""How the records of one market follow one another."""

SOURCES: dict[Topic, tuple[str, ...]] = {
    TRADES: ("{market}",),
    DEPTH: ("{market}", "{market}/snapshot"),
    TICKERS: ("{market}",),
    KLINES: ("{market}/{interval}",),
    MARKETS: ("{market}",),
}
"""The end of `ce_source`: (`ce_source`, `ce_id`) is the name of an event."""

_COMMON = {
    "market": "The market's symbol, `BTCUSDT`.",
    "seq": "The market's event that this tells of, or the last one of them. All topics, REST"
    " (`lastUpdateId`) and WebSocket (`u`) count in the same numbers.",
    "time": "When it happened: milliseconds since 1970 in UTC, stamped by the log.",
}
_SPAN = {
    "open_time": "The first millisecond of the span.",
    "open": "The price of its first trade, in quote asset.",
    "high": "Its highest price.",
    "low": "Its lowest price.",
    "volume": "What was traded, in base asset.",
    "quote_volume": "What was paid for it, in quote asset.",
    "first_trade_id": "The first trade in it.",
    "last_trade_id": "The last trade in it.",
    "trades": "How many trades are in it.",
}
_LEVELS = (
    "best first, as [price, quantity]: a quantity is absolute, in base asset; zero takes the level"
    " away."
)

FIELDS: dict[type[msgspec.Struct], dict[str, str]] = {
    Trade: _COMMON
    | {
        "trade_id": "Counts the market's trades from 1, without a gap.",
        "aggregate_id": "Trades of one taker order at one price have it in common.",
        "aggregate_last": "Whether this is the last trade of its aggregate.",
        "price": "In quote asset, for one of base asset.",
        "quantity": "In base asset.",
        "quote_quantity": "Price times quantity, in quote asset, exactly.",
        "maker_order_id": "The order that was in the book. Below 2^53.",
        "taker_order_id": "The order that met it. Below 2^53.",
        "taker_side": "Whether the taker bought or sold.",
        "cause": "The taker's command: its partition, offset and index in the topic `orders`.",
    },
    Depth: _COMMON
    | {
        "kind": "`diff`: the levels that changed. `snapshot`: all of the book, up to 20,000 levels"
        " of a side.",
        "first_seq": "The first event that a diff tells of; of a snapshot, the same as `seq`.",
        "bids": f"Levels that buy, {_LEVELS}",
        "asks": f"Levels that sell, {_LEVELS}",
    },
    Ticker: _COMMON
    | _SPAN
    | {
        "last": "The price of its last trade.",
        "last_quantity": "The quantity of its last trade, in base asset.",
        "previous_close": "The price of the last trade before the span.",
    },
    Kline: _COMMON
    | _SPAN
    | {
        "interval": "`1s`, `1m`, ... `1M`, as Binance Spot names them; in UTC.",
        "close_time": "The last millisecond of the span.",
        "close": "The price of its last trade so far.",
        "taker_volume": "The part of `volume` that takers bought.",
        "taker_quote_volume": "The part of `quote_volume` that takers bought.",
    },
    Market: _COMMON
    | {
        "status": "Whether orders are taken.",
        "partition": "Where this market is in all other public topics.",
        "base": "The asset that is traded.",
        "quote": "The asset that it is paid in.",
        "tick_size": "The step of prices.",
        "lot_size": "The step of quantities.",
        "min_notional": "The least that an order must be worth, in quote asset.",
        "maker_fee_bps": "In basis points of what is received.",
        "taker_fee_bps": "In basis points of what is received.",
        "protection_bps": "How far from the best price a market order may trade, in basis points.",
        "reason": "Why its status is what it is, for people; empty where nobody has said.",
        "band_bps": "How far the price may move within `band_ms` before the market halts itself, in"
        " basis points; 0 for any way.",
        "band_ms": "See `band_bps`; in milliseconds.",
        "min_price": "What an order must ask at least; 0 for a tick.",
        "max_price": "What it may ask at most; 0 for any.",
        "min_quantity": "How much an order must be for, at least; 0 for a lot.",
        "max_quantity": "How much it may be for, at most; 0 for any.",
        "max_market_quantity": "How much a market order may be for, at most; 0 for as any other.",
        "max_notional": "What an order may be worth at most, in the quote asset; 0 for any.",
    },
}

NOT_DECIMAL = frozenset({"market", "interval", "base", "quote"})
"""Strings that are names; every other one is an amount or of a closed set."""
