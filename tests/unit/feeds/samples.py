"""Public events as markets emit them, with the fields that a test is about."""

from __future__ import annotations

from streams.messages import (
    Asset,
    Cause,
    Depth,
    DepthKind,
    Kline,
    Market,
    MarketId,
    MarketStatus,
    Millis,
    Offset,
    OrderId,
    Sequence,
    Side,
    Ticker,
    Trade,
    format_units,
    parse_units,
)

BTC = MarketId("BTCUSDT")
ETH = MarketId("ETHUSDT")
NOON = Millis(1_700_049_600_000)
"""2023-11-15 12:00:00 UTC, a Wednesday."""


def amount(text: str) -> str:
    """With all 8 decimals, as on the topics."""
    return format_units(parse_units(text))


def levels(*pairs: str) -> list[tuple[str, str]]:
    """Levels from texts such as `"100 x 2"`."""
    return [(amount(p), amount(q)) for p, _, q in (pair.partition(" x ") for pair in pairs)]


def market(name: MarketId = BTC, *, partition: int = 0, seq: int = 1) -> Market:
    return Market(
        market=name,
        seq=Sequence(seq),
        time=NOON,
        status=MarketStatus.TRADING,
        partition=partition,
        base=Asset(name.removesuffix("USDT")),
        quote=Asset("USDT"),
        tick_size=amount("0.01"),
        lot_size=amount("0.00001"),
        min_notional=amount("1"),
        maker_fee_bps=1,
        taker_fee_bps=2,
        protection_bps=500,
    )


def snapshot(
    seq: int, bids: list[tuple[str, str]], asks: list[tuple[str, str]], name: MarketId = BTC
) -> Depth:
    return Depth(
        market=name,
        seq=Sequence(seq),
        time=NOON,
        kind=DepthKind.SNAPSHOT,
        first_seq=Sequence(seq),
        bids=bids,
        asks=asks,
    )


def diff(
    first: int,
    seq: int,
    bids: list[tuple[str, str]] | None = None,
    asks: list[tuple[str, str]] | None = None,
    name: MarketId = BTC,
) -> Depth:
    return Depth(
        market=name,
        seq=Sequence(seq),
        time=NOON,
        kind=DepthKind.DIFF,
        first_seq=Sequence(first),
        bids=bids or [],
        asks=asks or [],
    )


def trade(
    number: int,
    *,
    aggregate: int | None = None,
    ends: bool = True,
    price: str = "100",
    quantity: str = "1",
    taker: Side = Side.BUY,
    name: MarketId = BTC,
) -> Trade:
    return Trade(
        market=name,
        seq=Sequence(2 * number),
        time=Millis(NOON + number),
        trade_id=number,
        aggregate_id=number if aggregate is None else aggregate,
        aggregate_last=ends,
        price=amount(price),
        quantity=amount(quantity),
        quote_quantity=format_units(parse_units(price) * parse_units(quantity) // 10**8),
        maker_order_id=OrderId(1),
        taker_order_id=OrderId(2),
        taker_side=taker,
        cause=Cause(0, Offset(number), 0),
    )


def ticker(last: str = "110", *, seq: int = 2, name: MarketId = BTC) -> Ticker:
    return Ticker(
        market=name,
        seq=Sequence(seq),
        time=Millis(NOON + seq),
        open_time=Millis(NOON - 86_400_000),
        open=amount("100"),
        high=amount("120"),
        low=amount("90"),
        last=amount(last),
        last_quantity=amount("0.5"),
        previous_close=amount("99"),
        volume=amount("3"),
        quote_volume=amount("310"),
        first_trade_id=7,
        last_trade_id=9,
        trades=3,
    )


def kline(
    opens: int,
    close: str = "100",
    *,
    seq: int = 1,
    interval: str = "1m",
    length_ms: int = 60_000,
    name: MarketId = BTC,
) -> Kline:
    return Kline(
        market=name,
        seq=Sequence(seq),
        time=Millis(opens + 1),
        interval=interval,
        open_time=Millis(opens),
        close_time=Millis(opens + length_ms - 1),
        open=amount("100"),
        high=amount("120"),
        low=amount("90"),
        close=amount(close),
        volume=amount("3"),
        quote_volume=amount("310"),
        taker_volume=amount("1"),
        taker_quote_volume=amount("100"),
        first_trade_id=1,
        last_trade_id=seq,
        trades=seq,
    )
