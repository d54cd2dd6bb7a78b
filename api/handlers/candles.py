"""Candles, and what is reckoned from them: memory's where it reaches, else with the database's."""

from __future__ import annotations

import asyncio
from typing import Any

from api.errors import bad_interval, mandatory
from api.feeds.candles import MINUTE_MS, Interval, fill
from api.feeds.markets import MarketFeed
from api.feeds.statistics import average_price
from api.feeds.zones import Span, Zoned, join, pieces, regroup
from api.handlers import shapes
from api.handlers.exchange import Exchange
from api.handlers.parameters import (
    END_TIME,
    LIMIT,
    ROWS,
    ROWS_MAX,
    START_TIME,
    SYMBOL,
    Kind,
    Parameter,
    Parameters,
)
from api.handlers.shapes import Json
from api.handlers.spans import TIME_ZONE, time_zone
from streams.messages import Kline, Millis

KLINES = (
    SYMBOL,
    Parameter(
        "interval", Kind.WORD, True, example="1m", choices=tuple(each.value for each in Interval)
    ),
    START_TIME,
    END_TIME,
    TIME_ZONE,
    LIMIT,
)
AVERAGE_PRICE = (SYMBOL,)

PARTS_MAX = 6_000
"""Candles read to make those of another time zone: 250 days of hours. Fewer are answered where
more would be needed."""

AVERAGE_MINUTES = 5


async def klines(exchange: Exchange, parameters: Parameters) -> list[list[Any]]:
    """A market's candles; where nothing traded, flat at the last close."""
    feed = exchange.feed(parameters.required("symbol"))
    interval = parameters.choice("interval", Interval, bad_interval)
    if interval is None:
        raise mandatory("interval")
    grid = Zoned(interval, time_zone(parameters))
    limit = min(parameters.limit(ROWS, ROWS_MAX), max(PARTS_MAX // grid.parts, 1))
    now = exchange.clock()
    asked_end = parameters.millis("endTime")
    end = now if asked_end is None else min(now, asked_end)
    start = parameters.millis("startTime")
    if start is None:
        start = grid.back(end, limit)
    if start > end:
        return []
    known = await _zoned(exchange, feed, grid, start, end, limit)
    return [shapes.kline(event) for event in fill(known, grid, start, end, limit)]


async def ui_klines(exchange: Exchange, parameters: Parameters) -> list[list[Any]]:
    """Candles to be looked at: ours are fit for that as they are."""
    return await klines(exchange, parameters)


async def _zoned(
    exchange: Exchange, feed: MarketFeed, grid: Zoned, start: int, end: int, limit: int
) -> list[Kline]:
    """A grid's candles of a span, and the last before it."""
    if grid.part is grid.interval:
        return await candles(exchange, feed, grid.interval, start, end, limit)
    first, last = grid.open_time(start), grid.close_time(grid.open_time(end))
    parts = await candles(exchange, feed, grid.part, first, last, (limit + 1) * grid.parts)
    # Up to 40 ms of work, which others need not wait for.
    return await asyncio.to_thread(regroup, parts, grid, grid.interval)


async def candles(
    exchange: Exchange, feed: MarketFeed, interval: Interval, start: int, end: int, limit: int
) -> list[Kline]:
    """The candles in which something traded, of a span, and the last before it."""
    recent = feed.candles.recent(interval.value)
    if recent and recent[0].open_time < start:
        stored: list[Kline] = []
    else:
        stored = await exchange.reads.klines(
            feed.book.market, interval.value, Millis(start), Millis(end), limit
        )
    # Of a candle that both have, memory's is at least as new.
    merged = {candle.open_time: candle for candle in (*stored, *recent)}
    ordered = [merged[opens] for opens in sorted(merged)]
    first = next((at for at, candle in enumerate(ordered) if candle.open_time >= start), None)
    return ordered[max((len(ordered) if first is None else first) - 1, 0) :]


async def span(exchange: Exchange, feed: MarketFeed, start: int, end: int) -> Span:
    """What traded from a whole minute on until a moment, that included."""
    found: list[Kline] = []
    previous = None
    for interval, opens, closes in pieces(start, end):
        assert interval.length_ms is not None
        most = (closes - opens) // interval.length_ms + 1
        for kline in await candles(exchange, feed, interval, opens, closes, most):
            if opens <= kline.open_time <= closes:
                found.append(kline)
            elif kline.open_time < start and not found:
                previous = kline.close
    if not found:
        return Span(None, previous)
    return Span(join(found, "", Millis(start), Millis(end)), previous)


async def average(exchange: Exchange, parameters: Parameters) -> Json:
    """What a market's base asset cost on average in the last minutes, by the second."""
    feed = exchange.feed(parameters.required("symbol"))
    now = exchange.clock()
    start = now - AVERAGE_MINUTES * MINUTE_MS + 1
    seconds = AVERAGE_MINUTES * 60
    known = await candles(exchange, feed, Interval.S1, start, now, seconds)
    traded = [kline for kline in known if kline.open_time >= start]
    if traded:
        whole = join(traded, "", Millis(start), Millis(now))
        return _average(average_price(whole.quote_volume, whole.volume), traded[-1].time)
    if known:
        return _average(known[-1].close, known[-1].time)
    return _average(shapes.ZERO, Millis(0))


def _average(price: str, last_trade: Millis) -> Json:
    return {"mins": AVERAGE_MINUTES, "price": price, "closeTime": last_trade}
