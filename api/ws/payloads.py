"""What is sent on the streams, to the letter of Binance's documentation.

https://github.com/binance/binance-spot-api-docs/blob/master/web-socket-streams.md

Times are in milliseconds, amounts decimal strings with 8 decimals. `E`, the event's time, is the
log's, so that every instance of the door sends the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from functools import cache

import msgspec
from msgspec import field

from api.client.checksum import DEPTH as CHECKSUM_LEVELS
from api.client.checksum import checksum as checksum_of
from api.feeds.aggregates import AggregateTrade
from api.feeds.book import Book, Level
from api.feeds.statistics import price_change, price_change_percent, weighted_average_price
from streams.messages import Depth, Kline, Side, Ticker, Trade, format_units, parse_units

ZERO = format_units(0)
NO_LEVEL: Level = (ZERO, ZERO)

encode = msgspec.json.Encoder().encode


def in_microseconds(
    payload: msgspec.Struct | Sequence[msgspec.Struct],
) -> msgspec.Struct | list[msgspec.Struct]:
    """The same with its times in microseconds: of a candle, the last one of its last millisecond.

    Every field named `*_time` is one.
    """
    if not isinstance(payload, msgspec.Struct):
        return [_in_microseconds(each) for each in payload]
    return _in_microseconds(payload)


def _in_microseconds(payload: msgspec.Struct) -> msgspec.Struct:
    changes: dict[str, object] = {}
    for name in _times(type(payload)):
        value = getattr(payload, name)
        if value is not msgspec.UNSET:
            changes[name] = value * 1000
    if isinstance(payload, KlinePayload):
        changes["candle"] = _in_microseconds(payload.candle)
    if isinstance(payload, Candle):
        changes["close_time"] = payload.close_time * 1000 + 999
    return msgspec.structs.replace(payload, **changes)


@cache
def _times(kind: type[msgspec.Struct]) -> tuple[str, ...]:
    return tuple(name for name in kind.__struct_fields__ if name.endswith("_time"))


class TradePayload(msgspec.Struct, frozen=True, kw_only=True, tag_field="e", tag="trade"):
    event_time: int = field(name="E")
    symbol: str = field(name="s")
    trade_id: int = field(name="t")
    price: str = field(name="p")
    quantity: str = field(name="q")
    trade_time: int = field(name="T")
    buyer_is_maker: bool = field(name="m")
    ignore: bool = field(name="M", default=True)


class AggregateTradePayload(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="e", tag="aggTrade"
):
    event_time: int = field(name="E")
    symbol: str = field(name="s")
    aggregate_id: int = field(name="a")
    price: str = field(name="p")
    quantity: str = field(name="q")
    first_trade_id: int = field(name="f")
    last_trade_id: int = field(name="l")
    trade_time: int = field(name="T")
    buyer_is_maker: bool = field(name="m")
    ignore: bool = field(name="M", default=True)


class DepthPayload(msgspec.Struct, frozen=True, kw_only=True, tag_field="e", tag="depthUpdate"):
    event_time: int = field(name="E")
    symbol: str = field(name="s")
    first_seq: int = field(name="U")
    last_seq: int = field(name="u")
    bids: list[Level] = field(name="b")
    asks: list[Level] = field(name="a")
    checksum: int | msgspec.UnsetType = field(name="c", default=msgspec.UNSET)


class SnapshotReason(StrEnum):
    """Why a book is sent whole."""

    SUBSCRIBED = "SUBSCRIBED"
    TOO_FAR_BACK = "TOO_FAR_BACK"
    """What was missed since the client's last event is not at hand any more."""

    BUSY = "BUSY"
    """Too many clients want to know what they missed."""


class SnapshotPayload(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="e", tag="depthSnapshot"
):
    """Not Binance's: a book as it stands after event `last_seq`."""

    event_time: int = field(name="E")
    symbol: str = field(name="s")
    last_seq: int = field(name="u")
    reason: SnapshotReason = field(name="r")
    bids: list[Level] = field(name="b")
    asks: list[Level] = field(name="a")
    checksum: int | msgspec.UnsetType = field(name="c", default=msgspec.UNSET)


class PartialDepthPayload(msgspec.Struct, frozen=True, kw_only=True):
    last_seq: int = field(name="lastUpdateId")
    bids: list[Level]
    asks: list[Level]


class BookTickerPayload(msgspec.Struct, frozen=True, kw_only=True):
    seq: int = field(name="u")
    symbol: str = field(name="s")
    bid_price: str = field(name="b")
    bid_quantity: str = field(name="B")
    ask_price: str = field(name="a")
    ask_quantity: str = field(name="A")


class MiniTickerPayload(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="e", tag="24hrMiniTicker"
):
    event_time: int = field(name="E")
    symbol: str = field(name="s")
    close: str = field(name="c")
    open: str = field(name="o")
    high: str = field(name="h")
    low: str = field(name="l")
    volume: str = field(name="v")
    quote_volume: str = field(name="q")


class TickerPayload(msgspec.Struct, frozen=True, kw_only=True, tag_field="e", tag="24hrTicker"):
    event_time: int = field(name="E")
    symbol: str = field(name="s")
    price_change: str = field(name="p")
    price_change_percent: str = field(name="P")
    weighted_average_price: str = field(name="w")
    previous_close: str = field(name="x")
    close: str = field(name="c")
    last_quantity: str = field(name="Q")
    bid_price: str = field(name="b")
    bid_quantity: str = field(name="B")
    ask_price: str = field(name="a")
    ask_quantity: str = field(name="A")
    open: str = field(name="o")
    high: str = field(name="h")
    low: str = field(name="l")
    volume: str = field(name="v")
    quote_volume: str = field(name="q")
    open_time: int = field(name="O")
    close_time: int = field(name="C")
    first_trade_id: int = field(name="F")
    last_trade_id: int = field(name="L")
    trades: int = field(name="n")


class Candle(msgspec.Struct, frozen=True, kw_only=True):
    open_time: int = field(name="t")
    close_time: int = field(name="T")
    symbol: str = field(name="s")
    interval: str = field(name="i")
    first_trade_id: int = field(name="f")
    last_trade_id: int = field(name="L")
    open: str = field(name="o")
    close: str = field(name="c")
    high: str = field(name="h")
    low: str = field(name="l")
    volume: str = field(name="v")
    trades: int = field(name="n")
    closed: bool = field(name="x")
    quote_volume: str = field(name="q")
    taker_volume: str = field(name="V")
    taker_quote_volume: str = field(name="Q")
    ignore: str = field(name="B", default="0")


class KlinePayload(msgspec.Struct, frozen=True, kw_only=True, tag_field="e", tag="kline"):
    event_time: int = field(name="E")
    symbol: str = field(name="s")
    candle: Candle = field(name="k")


class WindowTickerPayload(msgspec.Struct, frozen=True, kw_only=True):
    """`event` is the window's length and `Ticker`."""

    event: str = field(name="e")
    event_time: int = field(name="E")
    symbol: str = field(name="s")
    price_change: str = field(name="p")
    price_change_percent: str = field(name="P")
    open: str = field(name="o")
    high: str = field(name="h")
    low: str = field(name="l")
    close: str = field(name="c")
    weighted_average_price: str = field(name="w")
    volume: str = field(name="v")
    quote_volume: str = field(name="q")
    open_time: int = field(name="O")
    close_time: int = field(name="C")
    first_trade_id: int = field(name="F")
    last_trade_id: int = field(name="L")
    trades: int = field(name="n")


class AveragePricePayload(msgspec.Struct, frozen=True, kw_only=True, tag_field="e", tag="avgPrice"):
    event_time: int = field(name="E")
    symbol: str = field(name="s")
    interval: str = field(name="i")
    average_price: str = field(name="w")
    last_trade_time: int = field(name="T")


class ServerShutdownPayload(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="e", tag="serverShutdown"
):
    event_time: int = field(name="E")


def of_trade(trade: Trade) -> TradePayload:
    return TradePayload(
        event_time=trade.time,
        symbol=trade.market,
        trade_id=trade.trade_id,
        price=trade.price,
        quantity=trade.quantity,
        trade_time=trade.time,
        buyer_is_maker=trade.taker_side is Side.SELL,
    )


def of_aggregate(aggregate: AggregateTrade) -> AggregateTradePayload:
    return AggregateTradePayload(
        event_time=aggregate.time,
        symbol=aggregate.market,
        aggregate_id=aggregate.aggregate_id,
        price=aggregate.price,
        quantity=aggregate.quantity,
        first_trade_id=aggregate.first_trade_id,
        last_trade_id=aggregate.last_trade_id,
        trade_time=aggregate.time,
        buyer_is_maker=aggregate.buyer_is_maker,
    )


def of_top(book: Book) -> BookTickerPayload:
    """A side without orders is shown as zero at zero."""
    bid, ask = _best(book)
    return BookTickerPayload(
        seq=book.seq,
        symbol=book.market,
        bid_price=bid[0],
        bid_quantity=bid[1],
        ask_price=ask[0],
        ask_quantity=ask[1],
    )


def of_levels(book: Book, levels: int) -> PartialDepthPayload:
    return PartialDepthPayload(
        last_seq=book.seq, bids=book.bids.top(levels), asks=book.asks.top(levels)
    )


def of_book(book: Book, levels: int, reason: SnapshotReason, *, checksum: bool) -> SnapshotPayload:
    return SnapshotPayload(
        event_time=book.time,
        symbol=book.market,
        last_seq=book.seq,
        reason=reason,
        bids=book.bids.top(levels),
        asks=book.asks.top(levels),
        checksum=_checksum(book) if checksum else msgspec.UNSET,
    )


def of_changes(
    last: Depth, first_seq: int, bids: dict[str, str], asks: dict[str, str], book: Book | None
) -> DepthPayload:
    """Diffs in one, the last of which is `last`. The book's checksum goes along if it is given."""
    return DepthPayload(
        event_time=last.time,
        symbol=last.market,
        first_seq=first_seq,
        last_seq=last.seq,
        bids=sorted(bids.items(), key=_price, reverse=True),
        asks=sorted(asks.items(), key=_price),
        checksum=msgspec.UNSET if book is None else _checksum(book),
    )


def of_mini_ticker(ticker: Ticker) -> MiniTickerPayload:
    return MiniTickerPayload(
        event_time=ticker.time,
        symbol=ticker.market,
        close=ticker.last,
        open=ticker.open,
        high=ticker.high,
        low=ticker.low,
        volume=ticker.volume,
        quote_volume=ticker.quote_volume,
    )


def of_ticker(ticker: Ticker, book: Book) -> TickerPayload:
    bid, ask = _best(book)
    return TickerPayload(
        event_time=ticker.time,
        symbol=ticker.market,
        price_change=price_change(ticker),
        price_change_percent=price_change_percent(ticker),
        weighted_average_price=weighted_average_price(ticker),
        previous_close=ticker.previous_close,
        close=ticker.last,
        last_quantity=ticker.last_quantity,
        bid_price=bid[0],
        bid_quantity=bid[1],
        ask_price=ask[0],
        ask_quantity=ask[1],
        open=ticker.open,
        high=ticker.high,
        low=ticker.low,
        volume=ticker.volume,
        quote_volume=ticker.quote_volume,
        open_time=ticker.open_time,
        close_time=ticker.time,
        first_trade_id=ticker.first_trade_id,
        last_trade_id=ticker.last_trade_id,
        trades=ticker.trades,
    )


def of_window(ticker: Ticker, size: str) -> WindowTickerPayload:
    return WindowTickerPayload(
        event=f"{size}Ticker",
        event_time=ticker.time,
        symbol=ticker.market,
        price_change=price_change(ticker),
        price_change_percent=price_change_percent(ticker),
        open=ticker.open,
        high=ticker.high,
        low=ticker.low,
        close=ticker.last,
        weighted_average_price=weighted_average_price(ticker),
        volume=ticker.volume,
        quote_volume=ticker.quote_volume,
        open_time=ticker.open_time,
        close_time=ticker.time,
        first_trade_id=ticker.first_trade_id,
        last_trade_id=ticker.last_trade_id,
        trades=ticker.trades,
    )


def of_average(ticker: Ticker, size: str, last_trade: int) -> AveragePricePayload:
    """Where nothing traded in the window, the last price before it."""
    return AveragePricePayload(
        event_time=ticker.time,
        symbol=ticker.market,
        interval=size,
        average_price=weighted_average_price(ticker) if ticker.trades else ticker.last,
        last_trade_time=last_trade,
    )


def of_kline(kline: Kline, *, closed: bool) -> KlinePayload:
    return KlinePayload(
        event_time=max(kline.time, kline.close_time + 1) if closed else kline.time,
        symbol=kline.market,
        candle=Candle(
            open_time=kline.open_time,
            close_time=kline.close_time,
            symbol=kline.market,
            interval=kline.interval,
            first_trade_id=kline.first_trade_id,
            last_trade_id=kline.last_trade_id,
            open=kline.open,
            close=kline.close,
            high=kline.high,
            low=kline.low,
            volume=kline.volume,
            trades=kline.trades,
            closed=closed,
            quote_volume=kline.quote_volume,
            taker_volume=kline.taker_volume,
            taker_quote_volume=kline.taker_quote_volume,
        ),
    )


def _checksum(book: Book) -> int:
    return checksum_of(book.bids.top(CHECKSUM_LEVELS), book.asks.top(CHECKSUM_LEVELS))


def _price(level: Level) -> int:
    return parse_units(level[0])


def _best(book: Book) -> tuple[Level, Level]:
    return book.bids.best() or NO_LEVEL, book.asks.best() or NO_LEVEL
