"""Candles by other clocks, and spans of any length, made of those that the log has."""

from __future__ import annotations

import itertools
from datetime import datetime

import msgspec
import pytest

from api.feeds.candles import DAY_MS, HOUR_MS, MINUTE_MS, Interval, fill
from api.feeds.zones import Zoned, join, pieces, regroup
from streams.messages import Kline, Millis
from tests.unit.feeds.samples import NOON, amount, kline


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp() * 1000)


@pytest.mark.parametrize(
    ("interval", "zone", "opens", "next_opens"),
    [
        ("1d", "+09:00", "2024-02-29T00:00:00+09:00", "2024-03-01T00:00:00+09:00"),
        ("1d", "-05:00", "2024-02-29T00:00:00-05:00", "2024-03-01T00:00:00-05:00"),
        ("1w", "+09:00", "2024-02-26T00:00:00+09:00", "2024-03-04T00:00:00+09:00"),
        ("1M", "+05:45", "2024-02-01T00:00:00+05:45", "2024-03-01T00:00:00+05:45"),
        ("1h", "+05:45", "2024-02-29T13:00:00+05:45", "2024-02-29T14:00:00+05:45"),
    ],
)
def test_a_candle_opens_by_the_clock_of_its_zone(
    interval: str, zone: str, opens: str, next_opens: str
) -> None:
    sign = -1 if zone[0] == "-" else 1
    ahead = sign * (int(zone[1:3]) * HOUR_MS + int(zone[4:]) * MINUTE_MS)
    grid = Zoned(Interval(interval), ahead)
    moment = at(f"2024-02-29T13:47:05{zone}")
    assert grid.open_time(moment) == at(opens)
    assert grid.next_open(at(opens)) == at(next_opens)
    assert grid.close_time(at(opens)) == at(next_opens) - 1
    assert grid.back(moment, 1) == at(opens)


@pytest.mark.parametrize(
    ("interval", "minutes", "part", "parts"),
    [
        ("1d", 0, "1d", 1),
        ("1M", 0, "1M", 1),
        ("1d", 480, "8h", 3),
        ("1d", 540, "1h", 24),
        ("1d", -300, "1h", 24),
        ("1d", 330, "30m", 48),
        ("1h", 480, "1h", 1),
        ("1h", 345, "15m", 4),
        ("1m", 345, "1m", 1),
        ("1s", 345, "1s", 1),
        ("1w", 480, "8h", 21),
        ("1M", 60, "1h", 744),
        ("1d", 1, "1m", 1440),
    ],
)
def test_it_is_made_of_the_longest_candles_that_none_of_its_ends_cuts(
    interval: str, minutes: int, part: str, parts: int
) -> None:
    grid = Zoned(Interval(interval), minutes * MINUTE_MS)
    assert (grid.part, grid.parts) == (Interval(part), parts)
    opens = grid.open_time(NOON)
    for end in (opens, grid.next_open(opens)):
        assert grid.part.open_time(end) == end


def test_together_candles_show_what_traded_in_all_of_them() -> None:
    def part(opens: int, price: str, high: str, low: str, number: int) -> Kline:
        return msgspec.structs.replace(
            kline(opens, price, seq=number, interval="1h", length_ms=HOUR_MS),
            open=amount(price),
            high=amount(high),
            low=amount(low),
            first_trade_id=number,
        )

    hours = [
        part(NOON, "100", "110", "95", 1),
        part(NOON + HOUR_MS, "9", "20", "9", 2),
        part(NOON + 5 * HOUR_MS, "105", "106", "104", 6),
    ]
    whole = join(hours, "6h", NOON, Millis(NOON + 6 * HOUR_MS - 1))
    assert (whole.open, whole.close) == (amount("100"), amount("105"))
    assert (whole.high, whole.low) == (amount("110"), amount("9"))
    assert (whole.volume, whole.quote_volume) == (amount("9"), amount("930"))
    assert (whole.taker_volume, whole.taker_quote_volume) == (amount("3"), amount("300"))
    assert (whole.first_trade_id, whole.last_trade_id, whole.trades) == (1, 6, 9)
    assert (whole.interval, whole.open_time, whole.seq) == ("6h", NOON, 6)


def test_days_of_a_zone_are_filled_where_nothing_traded() -> None:
    grid = Zoned(Interval.D1, 9 * HOUR_MS)
    midnight = grid.open_time(NOON)
    hours = [
        kline(midnight - HOUR_MS, "99", seq=1, interval="1h", length_ms=HOUR_MS),
        kline(midnight, "100", seq=2, interval="1h", length_ms=HOUR_MS),
        kline(midnight + 23 * HOUR_MS, "101", seq=3, interval="1h", length_ms=HOUR_MS),
        kline(midnight + 3 * DAY_MS, "102", seq=4, interval="1h", length_ms=HOUR_MS),
    ]
    days = fill(regroup(hours, grid, Interval.D1), grid, midnight, midnight + 3 * DAY_MS, 10)
    assert [day.open_time for day in days] == [midnight + each * DAY_MS for each in range(4)]
    assert [day.close for day in days] == [amount(c) for c in ("101", "101", "101", "102")]
    assert [day.trades for day in days] == [5, 0, 0, 4]
    assert all(day.close_time == day.open_time + DAY_MS - 1 for day in days)


@pytest.mark.parametrize(
    ("start", "end", "cut"),
    [
        ("2024-02-27T22:58", "2024-02-29T13:47:05", ["1m 2", "1h 1", "1d 2"]),
        ("2024-02-29T13:00", "2024-02-29T13:47:05", ["1h 1"]),
        ("2024-02-29T13:46", "2024-02-29T13:47:05", ["1m 2"]),
        ("2024-02-29T12:58", "2024-02-29T13:47:05", ["1m 2", "1h 1"]),
        ("2024-02-29T00:00", "2024-02-29T13:47:05", ["1d 1"]),
    ],
)
def test_a_span_is_cut_into_minutes_hours_and_days(start: str, end: str, cut: list[str]) -> None:
    first, last = at(f"{start}+00:00"), at(f"{end}+00:00")
    found = list(pieces(first, last))
    assert [
        f"{each.value} {-(-(closes - opens + 1) // (each.length_ms or 1))}"
        for each, opens, closes in found
    ] == cut
    assert (found[0][1], found[-1][2]) == (first, last)
    for (_, _, closes), (interval, opens, _) in itertools.pairwise(found):
        assert opens == closes + 1 == interval.open_time(opens)
