"""What comes on each stream, and when: the markets' events go in, frames come out.

Time stands still but for the ticks that a test makes.
"""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest

from api.feeds.markets import Markets
from api.ws.frames import Frame
from api.ws.hub import Hub
from streams.messages import Side
from tests.unit.feeds.samples import (
    BTC,
    ETH,
    NOON,
    amount,
    diff,
    kline,
    levels,
    snapshot,
    ticker,
    trade,
)

MINUTE = 60_000


class Listener:
    """Remembers what it is sent."""

    def __init__(self) -> None:
        self.frames: list[Frame] = []

    def send(self, frame: Frame) -> None:
        self.frames.append(frame)

    def heard(self) -> list[Any]:
        """The payloads since it was last asked."""
        payloads = [json.loads(frame.payload) for frame in self.frames]
        self.frames.clear()
        return payloads


@pytest.fixture
def markets() -> Markets:
    return Markets()


class Clock:
    def __init__(self) -> None:
        self.now = NOON + 1_000

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def hub(markets: Markets, clock: Clock) -> Hub:
    return Hub(markets, clock)


@pytest.fixture
def listener() -> Listener:
    return Listener()


def test_a_trade_is_sent_at_once(hub: Hub, markets: Markets, listener: Listener) -> None:
    hub.subscribe("btcusdt@trade", listener)

    markets.take_trade(trade(1, price="100.5", quantity="2", taker=Side.SELL))
    markets.take_trade(trade(1, name=ETH))

    assert listener.heard() == [
        {
            "e": "trade",
            "E": NOON + 1,
            "s": "BTCUSDT",
            "t": 1,
            "p": "100.50000000",
            "q": "2.00000000",
            "T": NOON + 1,
            "m": True,
            "M": True,
        }
    ]


def test_an_aggregate_trade_is_sent_with_its_last_trade(
    hub: Hub, markets: Markets, listener: Listener
) -> None:
    hub.subscribe("btcusdt@aggTrade", listener)

    markets.take_trade(trade(1, aggregate=1, ends=False, quantity="1"))
    assert listener.heard() == []
    markets.take_trade(trade(2, aggregate=1, ends=True, quantity="2"))

    assert listener.heard() == [
        {
            "e": "aggTrade",
            "E": NOON + 1,
            "s": "BTCUSDT",
            "a": 1,
            "p": "100.00000000",
            "q": "3.00000000",
            "f": 1,
            "l": 2,
            "T": NOON + 1,
            "m": False,
            "M": True,
        }
    ]


def test_a_frame_is_made_once_for_all(hub: Hub, markets: Markets) -> None:
    listeners = [Listener() for _ in range(3)]
    for listener in listeners:
        hub.subscribe("btcusdt@trade", listener)

    markets.take_trade(trade(1))

    first, *others = [listener.frames[0] for listener in listeners]
    assert all(frame is first for frame in others)


def test_diffs_of_a_window_are_merged(hub: Hub, markets: Markets, listener: Listener) -> None:
    markets.take_depth(snapshot(1, levels("100 x 1"), levels("101 x 1")))
    hub.subscribe("btcusdt@depth@100ms", listener)

    markets.take_depth(diff(2, 4, levels("100 x 2", "98 x 1")))
    markets.take_depth(diff(5, 5, levels("100 x 0", "99 x 3"), levels("101 x 4")))
    assert listener.heard() == []
    hub.tick(NOON)

    assert listener.heard() == [
        {
            "e": "depthUpdate",
            "E": NOON,
            "s": "BTCUSDT",
            "U": 2,
            "u": 5,
            "b": [list(level) for level in levels("100 x 0", "99 x 3", "98 x 1")],
            "a": [list(level) for level in levels("101 x 4")],
        }
    ]


def test_each_window_begins_where_the_last_ended(
    hub: Hub, markets: Markets, listener: Listener
) -> None:
    markets.take_depth(snapshot(1, [], []))
    hub.subscribe("btcusdt@depth@100ms", listener)

    for seq in range(2, 40):
        markets.take_depth(diff(seq, seq, levels(f"{seq} x 1")))
        hub.tick(NOON + 30 * seq)
    # A snapshot in between says nothing new, so nothing is sent for it.
    markets.take_depth(snapshot(39, levels("1 x 1"), []))
    markets.take_depth(diff(40, 40))
    hub.tick(NOON + 9_999)

    spans = [(frame["U"], frame["u"]) for frame in listener.heard()]
    assert spans[0][0] == 2
    assert spans[-1][1] == 40
    assert all(first == last + 1 for (_, last), (first, _) in pairwise(spans))
    assert len(spans) < 15


def test_a_gap_in_the_log_shows_in_the_numbers(
    hub: Hub, markets: Markets, listener: Listener
) -> None:
    markets.take_depth(snapshot(1, [], []))
    hub.subscribe("btcusdt@depth@100ms", listener)

    markets.take_depth(diff(2, 2, levels("100 x 1")))
    markets.take_depth(diff(9, 9, levels("100 x 2")))
    markets.take_depth(snapshot(9, levels("100 x 2"), []))
    markets.take_depth(diff(10, 10, levels("100 x 3")))
    hub.tick(NOON)

    assert [(frame["U"], frame["u"]) for frame in listener.heard()] == [(2, 2), (10, 10)]


def test_the_slow_and_the_fast_diff_stream_tell_the_same(hub: Hub, markets: Markets) -> None:
    slow, fast = Listener(), Listener()
    markets.take_depth(snapshot(1, [], []))
    hub.subscribe("btcusdt@depth", slow)
    hub.subscribe("btcusdt@depth@100ms", fast)

    for step in range(60):
        markets.take_depth(diff(step + 2, step + 2, levels(f"{step % 7 + 1} x {step}")))
        hub.tick(NOON + 50 * step)
    hub.tick(NOON + 10_000)

    told = [listener.heard() for listener in (slow, fast)]
    books = []
    for frames in told:
        book: dict[str, str] = {}
        for frame in frames:
            book.update(frame["b"])
        books.append(book)
    assert books[0] == books[1]
    assert 3 <= len(told[0]) <= 5
    assert 25 <= len(told[1]) <= 32


def test_the_book_ticker_tells_only_of_the_best(
    hub: Hub, markets: Markets, listener: Listener
) -> None:
    markets.take_depth(snapshot(1, levels("100 x 1"), []))
    hub.subscribe("btcusdt@bookTicker", listener)
    assert listener.heard() == [
        {
            "u": 1,
            "s": "BTCUSDT",
            "b": "100.00000000",
            "B": "1.00000000",
            "a": "0.00000000",
            "A": "0.00000000",
        }
    ]

    markets.take_depth(diff(2, 2, levels("99 x 1")))
    assert listener.heard() == []

    markets.take_depth(diff(3, 3, levels("100 x 2"), levels("101 x 4")))
    (top,) = listener.heard()
    assert (top["u"], top["B"], top["a"], top["A"]) == (
        3,
        amount("2"),
        amount("101"),
        amount("4"),
    )


def test_partial_depth_shows_the_top_of_the_book(
    hub: Hub, markets: Markets, listener: Listener
) -> None:
    bids = levels(*(f"{100 - i} x 1" for i in range(9)))
    markets.take_depth(snapshot(1, bids, levels("101 x 1")))
    hub.subscribe("btcusdt@depth5@100ms", listener)

    expected = {
        "lastUpdateId": 1,
        "bids": [list(level) for level in bids[:5]],
        "asks": [list(level) for level in levels("101 x 1")],
    }
    assert listener.heard() == [expected]

    markets.take_depth(diff(2, 2, levels("1 x 1")))
    hub.tick(NOON)
    assert listener.heard() == [expected | {"lastUpdateId": 2}]
    hub.tick(NOON + 1_000)
    assert listener.heard() == []


def test_a_ticker_is_sent_once_a_second_at_most(
    hub: Hub, markets: Markets, listener: Listener
) -> None:
    markets.take_depth(snapshot(1, levels("109 x 1"), levels("111 x 2")))
    hub.subscribe("btcusdt@ticker", listener)
    for seq in range(2, 9):
        markets.take_ticker(ticker(seq=seq))
        hub.tick(NOON + 200 * seq)

    assert len(listener.heard()) == 2
    hub.tick(NOON + 5_000)
    assert listener.heard() == [
        {
            "e": "24hrTicker",
            "E": NOON + 8,
            "s": "BTCUSDT",
            "p": "10.00000000",
            "P": "10.000",
            "w": "103.33333333",
            "x": "99.00000000",
            "c": "110.00000000",
            "Q": "0.50000000",
            "b": "109.00000000",
            "B": "1.00000000",
            "a": "111.00000000",
            "A": "2.00000000",
            "o": "100.00000000",
            "h": "120.00000000",
            "l": "90.00000000",
            "v": "3.00000000",
            "q": "310.00000000",
            "O": NOON - 86_400_000,
            "C": NOON + 8,
            "F": 7,
            "L": 9,
            "n": 3,
        }
    ]


def test_the_ticker_of_all_markets_holds_those_that_changed(
    hub: Hub, markets: Markets, listener: Listener
) -> None:
    hub.subscribe("!miniTicker@arr", listener)
    markets.take_ticker(ticker(seq=2))
    markets.take_ticker(ticker(seq=2, name=ETH))
    hub.tick(NOON)
    markets.take_ticker(ticker("111", seq=4, name=ETH))
    hub.tick(NOON + 1_000)

    both, one = listener.heard()
    assert [t["s"] for t in both] == ["BTCUSDT", "ETHUSDT"]
    assert one == [
        {
            "e": "24hrMiniTicker",
            "E": NOON + 4,
            "s": "ETHUSDT",
            "c": "111.00000000",
            "o": "100.00000000",
            "h": "120.00000000",
            "l": "90.00000000",
            "v": "3.00000000",
            "q": "310.00000000",
        }
    ]


def test_a_candle_is_sent_as_it_grows(hub: Hub, markets: Markets, listener: Listener) -> None:
    hub.subscribe("btcusdt@kline_1m", listener)
    for seq in range(1, 6):
        markets.take_kline(kline(NOON, str(100 + seq), seq=seq))
        hub.tick(NOON + 100 * seq)

    first, last = listener.heard()
    assert first["k"]["c"] == amount("101")
    assert last == {
        "e": "kline",
        "E": NOON + 1,
        "s": "BTCUSDT",
        "k": {
            "t": NOON,
            "T": NOON + MINUTE - 1,
            "s": "BTCUSDT",
            "i": "1m",
            "f": 1,
            "L": 4,
            "o": "100.00000000",
            "c": "104.00000000",
            "h": "120.00000000",
            "l": "90.00000000",
            "v": "3.00000000",
            "n": 4,
            "x": False,
            "q": "310.00000000",
            "V": "1.00000000",
            "Q": "100.00000000",
            "B": "0",
        },
    }


def test_a_trade_after_it_closes_a_candle(hub: Hub, markets: Markets, listener: Listener) -> None:
    hub.subscribe("btcusdt@kline_1m", listener)
    markets.take_kline(kline(NOON, "101", seq=1))
    markets.take_kline(kline(NOON + MINUTE, "102", seq=2))
    hub.tick(NOON + MINUTE)

    assert [(f["k"]["t"], f["k"]["x"]) for f in listener.heard()] == [
        (NOON, True),
        (NOON + MINUTE, False),
    ]


def test_the_clock_closes_a_candle_that_no_trade_follows(
    hub: Hub, markets: Markets, listener: Listener
) -> None:
    hub.subscribe("btcusdt@kline_1m", listener)
    markets.take_kline(kline(NOON, "101", seq=1))
    hub.tick(NOON + 1)
    hub.tick(NOON + MINUTE)
    assert [f["k"]["x"] for f in listener.heard()] == [False]

    hub.tick(NOON + MINUTE + 500)
    hub.tick(NOON + MINUTE + 600)
    assert [(f["k"]["c"], f["k"]["x"]) for f in listener.heard()] == [(amount("101"), True)]

    # A trade of that minute which the log delivers later still counts.
    markets.take_kline(kline(NOON, "103", seq=2))
    assert [(f["k"]["c"], f["k"]["x"]) for f in listener.heard()] == [(amount("103"), True)]


def test_who_comes_in_a_quiet_minute_sees_a_flat_candle(
    hub: Hub, markets: Markets, listener: Listener, clock: Clock
) -> None:
    markets.take_kline(kline(NOON, "105", seq=1))
    clock.now = NOON + 3 * MINUTE
    hub.subscribe("btcusdt@kline_1m", listener)
    hub.tick(clock.now)

    (flat,) = listener.heard()
    assert flat["k"]["t"] == NOON + 3 * MINUTE
    assert (flat["k"]["o"], flat["k"]["v"], flat["k"]["x"]) == (amount("105"), amount("0"), False)


def test_the_last_word_on_a_candle_never_gives_way_to_a_newer_frame(
    hub: Hub, markets: Markets, listener: Listener
) -> None:
    hub.subscribe("btcusdt@kline_1m", listener)
    markets.take_kline(kline(NOON, "101", seq=1))
    hub.tick(NOON + 1)
    markets.take_kline(kline(NOON + MINUTE, "102", seq=2))

    assert [frame.key for frame in listener.frames] == ["btcusdt@kline_1m", None]


def test_a_stream_ends_with_its_last_listener(hub: Hub, markets: Markets) -> None:
    one, other = Listener(), Listener()
    hub.subscribe("btcusdt@trade", one)
    hub.subscribe("btcusdt@trade", other)

    hub.unsubscribe("btcusdt@trade", one)
    markets.take_trade(trade(1))
    assert (len(one.heard()), len(other.heard())) == (0, 1)

    hub.unsubscribe("btcusdt@trade", other)
    hub.unsubscribe("btcusdt@trade", other)
    assert hub.streams == 0


def test_a_clock_set_back_holds_nothing_up(hub: Hub, markets: Markets, listener: Listener) -> None:
    markets.take_depth(snapshot(1, [], []))
    hub.subscribe(f"{BTC.lower()}@depth", listener)
    markets.take_depth(diff(2, 2))
    hub.tick(NOON)
    markets.take_depth(diff(3, 3))
    hub.tick(NOON - 3_600_000)

    assert [frame["u"] for frame in listener.heard()] == [2, 3]
