"""Candles of every interval."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from streams.market_data import INTERVALS
from streams.messages import Kline, Side
from tests.unit.market_data.trades import DAY, HOUR, MINUTE, NOON, SECOND, Feed, kline, trade


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1_000)


@pytest.mark.parametrize(
    ("interval", "first", "last"),
    [
        ("1s", "2024-02-29T23:59:58.000", "2024-02-29T23:59:58.999"),
        ("1m", "2024-02-29T23:59:00.000", "2024-02-29T23:59:59.999"),
        ("3m", "2024-02-29T23:57:00.000", "2024-02-29T23:59:59.999"),
        ("5m", "2024-02-29T23:55:00.000", "2024-02-29T23:59:59.999"),
        ("15m", "2024-02-29T23:45:00.000", "2024-02-29T23:59:59.999"),
        ("30m", "2024-02-29T23:30:00.000", "2024-02-29T23:59:59.999"),
        ("1h", "2024-02-29T23:00:00.000", "2024-02-29T23:59:59.999"),
        ("2h", "2024-02-29T22:00:00.000", "2024-02-29T23:59:59.999"),
        ("4h", "2024-02-29T20:00:00.000", "2024-02-29T23:59:59.999"),
        ("6h", "2024-02-29T18:00:00.000", "2024-02-29T23:59:59.999"),
        ("8h", "2024-02-29T16:00:00.000", "2024-02-29T23:59:59.999"),
        ("12h", "2024-02-29T12:00:00.000", "2024-02-29T23:59:59.999"),
        ("1d", "2024-02-29T00:00:00.000", "2024-02-29T23:59:59.999"),
        ("3d", "2024-02-29T00:00:00.000", "2024-03-02T23:59:59.999"),
        ("1w", "2024-02-26T00:00:00.000", "2024-03-03T23:59:59.999"),
        ("1M", "2024-02-01T00:00:00.000", "2024-02-29T23:59:59.999"),
    ],
)
def test_the_spans_of_each_interval(interval: str, first: str, last: str) -> None:
    candle = kline(Feed().say(trade(1, ms("2024-02-29T23:59:58.300"))), interval)
    assert (candle.open_time, candle.close_time) == (ms(first), ms(last))


def test_december_ends_with_its_year() -> None:
    candle = kline(Feed().say(trade(1, ms("2023-12-31T23:59:59.999"))), "1M")
    assert candle.close_time == ms("2023-12-31T23:59:59.999")


def test_a_candle_is_what_its_trades_amount_to() -> None:
    outputs = Feed().say(
        trade(1, NOON, price=100, quantity=1),
        trade(2, NOON + SECOND, price=130, quantity=2, side=Side.SELL),
        trade(3, NOON + SECOND, price=90, quantity=3),
        trade(4, NOON + 59 * SECOND, price=110, quantity=4, side=Side.SELL),
    )
    minute = kline(outputs, "1m")
    assert (minute.open, minute.high, minute.low, minute.close) == (
        "100.00000000",
        "130.00000000",
        "90.00000000",
        "110.00000000",
    )
    assert (minute.volume, minute.quote_volume) == ("10.00000000", "1070.00000000")
    assert (minute.taker_volume, minute.taker_quote_volume) == ("4.00000000", "370.00000000")
    assert (minute.first_trade_id, minute.last_trade_id, minute.trades) == (1, 4, 4)
    assert (minute.seq, minute.time) == (12, NOON + 59 * SECOND)
    assert kline(outputs, "1s").open == "110.00000000"


def test_each_trade_shows_in_all_intervals_and_the_next_span_begins_anew() -> None:
    feed = Feed()
    first = feed.say(trade(1, price=100))
    assert [o.message.interval for o in first if isinstance(o.message, Kline)] == [
        interval.name for interval in INTERVALS
    ]
    later = feed.say(trade(2, NOON + HOUR, price=200))
    assert kline(later, "1h").open == "200.00000000"
    assert kline(later, "2h").open == "100.00000000"
    assert kline(later, "2h").trades == 2


def test_an_interval_without_trades_has_no_candle() -> None:
    feed = Feed()
    feed.say(trade(1, NOON), trade(2, NOON + DAY))
    opened = {
        output.message.open_time
        for output in feed.outputs
        if isinstance(output.message, Kline) and output.message.interval == "1m"
    }
    assert opened == {NOON, NOON + DAY}


def test_the_last_state_of_a_candle_is_said_though_nobody_sampled_it() -> None:
    feed = Feed()
    feed.say(
        trade(1, NOON + 57 * SECOND, price=100, last=False),
        trade(2, NOON + 58 * SECOND, price=120, last=False),
        trade(3, NOON + MINUTE, price=90, last=False),
    )
    said = [o.message for o in feed.outputs if isinstance(o.message, Kline)]
    assert [(k.interval, k.open_time - NOON, k.close, k.seq) for k in said] == [
        ("1s", 57 * SECOND, "100.00000000", 3),
        ("1s", 58 * SECOND, "120.00000000", 6),
        ("1m", 0, "120.00000000", 6),
    ]


def test_candles_of_a_market_are_not_mixed_with_anothers() -> None:
    feed = Feed()
    feed.say(trade(1, price=100), trade(1, price=5, market="ETHUSDT"))
    outputs = feed.say(trade(2, price=101))
    assert {output.key for output in outputs} == {"BTCUSDT"}
    assert kline(outputs, "1d").low == "100.00000000"
