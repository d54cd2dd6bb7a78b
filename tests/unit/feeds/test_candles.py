"""Candles: when they open and close, and those that nobody traded in."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from api.feeds.candles import Candles, Interval, fill
from streams.market_data.intervals import INTERVALS
from tests.unit.feeds.samples import NOON, amount, kline

MINUTE = 60_000


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


@pytest.mark.parametrize(
    ("interval", "opens", "next_opens"),
    [
        ("1s", "2024-02-29T13:47:05", "2024-02-29T13:47:06"),
        ("1m", "2024-02-29T13:47:00", "2024-02-29T13:48:00"),
        ("15m", "2024-02-29T13:45:00", "2024-02-29T14:00:00"),
        ("4h", "2024-02-29T12:00:00", "2024-02-29T16:00:00"),
        ("1d", "2024-02-29T00:00:00", "2024-03-01T00:00:00"),
        ("1w", "2024-02-26T00:00:00", "2024-03-04T00:00:00"),
        ("1M", "2024-02-01T00:00:00", "2024-03-01T00:00:00"),
    ],
)
def test_a_moment_lies_in_the_candle_of_its_interval(
    interval: str, opens: str, next_opens: str
) -> None:
    moment = at("2024-02-29T13:47:05")

    assert Interval(interval).open_time(moment) == at(opens)
    assert Interval(interval).next_open(at(opens)) == at(next_opens)
    assert Interval(interval).close_time(at(opens)) == at(next_opens) - 1


def test_doors_and_market_data_agree_on_when_candles_open_and_close() -> None:
    assert [interval.name for interval in INTERVALS] == [*Interval]
    for written in INTERVALS:
        shown = Interval(written.name)
        for moment in range(at("2023-12-25"), at("2024-03-05"), 7 * 3_599_999):
            assert shown.open_time(moment) == written.open_time(moment)
            assert shown.close_time(shown.open_time(moment)) == written.close_time(moment)


def test_months_end_with_the_year() -> None:
    assert Interval.MONTH.next_open(at("2023-12-01")) == at("2024-01-01")
    assert Interval.MONTH.back(at("2024-02-15"), 4) == at("2023-11-01")
    assert Interval.M1.back(NOON + 5, 3) == NOON - 2 * MINUTE


def test_an_open_candle_gives_way_to_its_newer_self_and_a_closed_one_stays() -> None:
    candles = Candles()

    assert candles.add(kline(NOON, "100", seq=1))
    assert candles.add(kline(NOON, "101", seq=2))
    assert candles.add(kline(NOON + MINUTE, "102", seq=3))

    assert [k.close for k in candles.recent("1m")] == [amount("101"), amount("102")]
    assert candles.newest("1h") is None


def test_what_was_seen_before_is_dropped() -> None:
    candles = Candles()
    candles.add(kline(NOON, "101", seq=2))

    assert not candles.add(kline(NOON, "100", seq=1))
    assert not candles.add(kline(NOON, "101", seq=2))
    assert candles.newest("1m") == kline(NOON, "101", seq=2)


def test_intervals_without_trades_are_flat_at_the_last_close() -> None:
    traded = [kline(NOON, "105", seq=4), kline(NOON + 3 * MINUTE, "107", seq=5)]

    filled = fill(traded, Interval.M1, NOON, NOON + 4 * MINUTE, 10)

    assert [k.open_time for k in filled] == [NOON + i * MINUTE for i in range(5)]
    assert [k.close for k in filled] == [amount(c) for c in ("105", "105", "105", "107", "107")]
    empty = filled[1]
    assert (empty.open, empty.high, empty.low) == (empty.close,) * 3
    assert (empty.volume, empty.quote_volume, empty.trades) == (amount("0"), amount("0"), 0)
    assert empty.close_time == NOON + 2 * MINUTE - 1
    assert (filled[0], filled[3]) == (traded[0], traded[1])


def test_the_candle_before_the_range_gives_the_price_but_is_not_in_it() -> None:
    filled = fill([kline(NOON, "105")], Interval.M1, NOON + 90_000, NOON + 3 * MINUTE, 10)

    assert [(k.open_time, k.open) for k in filled] == [
        (NOON + 2 * MINUTE, amount("105")),
        (NOON + 3 * MINUTE, amount("105")),
    ]


def test_there_is_no_candle_before_the_first_trade() -> None:
    filled = fill([kline(NOON, "105")], Interval.M1, NOON - 5 * MINUTE, NOON, 10)

    assert [k.open_time for k in filled] == [NOON]
    assert fill([], Interval.M1, NOON, NOON + MINUTE, 10) == []


def test_the_oldest_are_given_when_there_are_more_than_the_limit() -> None:
    filled = fill([kline(NOON)], Interval.M1, NOON, NOON + 10**12, 3)

    assert [k.open_time for k in filled] == [NOON, NOON + MINUTE, NOON + 2 * MINUTE]
