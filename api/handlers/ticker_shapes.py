"""From events to tickers, in the shapes of Binance Spot's REST API. Pure.

Times are milliseconds; amounts are strings with 8 decimals.
"""

from __future__ import annotations

from msgspec.structs import replace

from api.feeds.book import Book
from api.feeds.candles import DAY_MS
from api.feeds.statistics import price_change, price_change_percent, weighted_average_price
from api.feeds.zones import Span
from api.handlers.shapes import ZERO, Json
from streams.messages import MarketId, Millis, Sequence, Ticker


def price_ticker(symbol: str, last: str) -> Json:
    return {"symbol": symbol, "price": last}


def book_ticker(symbol: str, book: Book) -> Json:
    bid, ask = book.bids.best() or (ZERO, ZERO), book.asks.best() or (ZERO, ZERO)
    return {
        "symbol": symbol,
        "bidPrice": bid[0],
        "bidQty": bid[1],
        "askPrice": ask[0],
        "askQty": ask[1],
    }


def mini_ticker(event: Ticker) -> Json:
    return {
        "symbol": event.market,
        "openPrice": event.open,
        "highPrice": event.high,
        "lowPrice": event.low,
        "lastPrice": event.last,
        "volume": event.volume,
        "quoteVolume": event.quote_volume,
        "openTime": event.open_time,
        "closeTime": event.time,
        "firstId": event.first_trade_id,
        "lastId": event.last_trade_id,
        "count": event.trades,
    }


def full_ticker(event: Ticker, book: Book) -> Json:
    """The 24 h ticker, with the best prices of now."""
    return {
        **mini_ticker(event),
        **changes(event),
        "prevClosePrice": event.previous_close,
        "lastQty": event.last_quantity,
        **book_ticker(event.market, book),
    }


def changes(event: Ticker) -> Json:
    """What the full form of a ticker has that the mini one lacks."""
    return {
        "priceChange": price_change(event),
        "priceChangePercent": price_change_percent(event),
        "weightedAvgPrice": weighted_average_price(event),
    }


def span_ticker(symbol: MarketId, span: Span, opens: int, closes: int) -> Ticker:
    """A span of time as a ticker: where nothing traded, flat at the last price before."""
    kline = span.traded
    if kline is None:
        nothing = no_ticker(symbol, closes)
        last = span.previous or ZERO
        return replace(nothing, open_time=Millis(opens), open=last, high=last, low=last, last=last)
    return replace(
        no_ticker(symbol, closes),
        seq=kline.seq,
        open_time=Millis(opens),
        open=kline.open,
        high=kline.high,
        low=kline.low,
        last=kline.close,
        volume=kline.volume,
        quote_volume=kline.quote_volume,
        first_trade_id=kline.first_trade_id,
        last_trade_id=kline.last_trade_id,
        trades=kline.trades,
    )


def no_ticker(symbol: MarketId, now: int) -> Ticker:
    """The ticker of a market that has not traded yet."""
    return Ticker(
        market=symbol,
        seq=Sequence(0),
        time=Millis(now),
        open_time=Millis(now - DAY_MS),
        open=ZERO,
        high=ZERO,
        low=ZERO,
        last=ZERO,
        last_quantity=ZERO,
        previous_close=ZERO,
        volume=ZERO,
        quote_volume=ZERO,
        first_trade_id=-1,
        last_trade_id=-1,
        trades=0,
    )
