"""Statistics of a rolling window, held against a plain sum over the candles that are in it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from api.feeds.windows import RollingWindow
from streams.messages import Kline, Sequence, parse_units
from tests.unit.feeds.samples import BTC, NOON, amount, kline

MINUTE = 60_000


def candle(minute: int, seq: int, high: int = 120, volume: int = 3) -> Kline:
    made = kline(NOON + minute * MINUTE, "100", seq=seq)
    return replace(made, high=amount(str(high)), volume=amount(str(volume)))


steps = st.lists(
    st.tuples(st.integers(0, 3), st.integers(100, 200), st.integers(1, 50), st.integers(0, 4)),
    min_size=1,
    max_size=40,
)


@given(steps)
def test_it_amounts_to_the_candles_within_it(moves: list[tuple[int, int, int, int]]) -> None:
    window, held = RollingWindow(), dict[int, Kline]()
    minute = start = 0
    for seq, (ahead, high, volume, forward) in enumerate(moves, 1):
        minute, start = minute + ahead, min(start + forward, minute)
        held[minute] = candle(minute, seq, high, volume)
        window.put(held[minute])
        window.begin(NOON + start * MINUTE)
    within = [each for at, each in held.items() if at >= start]
    told = window.ticker(BTC, NOON, NOON)
    assert told is not None
    assert parse_units(told.volume) == sum(parse_units(each.volume) for each in within)
    assert parse_units(told.high) == max(parse_units(each.high) for each in within)
    assert told.trades == sum(each.trades for each in within)
    assert (told.first_trade_id, told.last_trade_id) == (1, within[-1].last_trade_id)


def test_where_nothing_traded_it_is_flat_at_the_last_price() -> None:
    window = RollingWindow()
    assert window.ticker(BTC, NOON, NOON) is None
    window.put(candle(0, 1))
    assert window.begin(NOON + MINUTE)
    assert not window.begin(NOON + MINUTE)
    told = window.ticker(BTC, NOON + MINUTE, NOON + 2 * MINUTE)
    assert told is not None
    assert (told.open, told.high, told.last, told.trades) == (*[amount("100")] * 3, 0)


def test_what_is_loaded_does_not_replace_what_is_newer() -> None:
    window = RollingWindow()
    window.put(candle(1, 5, volume=9))
    window.load([candle(0, 1, volume=1), candle(1, 2, volume=2)])
    told = window.ticker(BTC, NOON, NOON)
    assert told is not None
    assert told.volume == amount("10")
    window.put(replace(candle(1, 6, volume=4), seq=Sequence(6)))
    told = window.ticker(BTC, NOON, NOON)
    assert told is not None
    assert told.volume == amount("5")
