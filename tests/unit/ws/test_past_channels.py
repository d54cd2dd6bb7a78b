"""Streams that need what was before: windows, averages, candles of another zone."""

from __future__ import annotations

import json
from typing import Any

import pytest

from api.feeds.candles import HOUR_MS, Interval
from api.feeds.markets import Markets
from api.ws.channels import Channel, Want
from api.ws.frames import Frame
from api.ws.hub import Hub, NoPast
from streams.messages import Kline, MarketId
from tests.unit.feeds.samples import BTC, ETH, NOON, amount, kline, market

SECOND, MINUTE = 1_000, 60_000


class Listener:
    def __init__(self) -> None:
        self.frames: list[Frame] = []

    def send(self, frame: Frame) -> None:
        self.frames.append(frame)

    def heard(self) -> list[Any]:
        payloads = [json.loads(frame.payload) for frame in self.frames]
        self.frames.clear()
        return payloads


class Remembered(NoPast):
    """A past that is there when the test says so."""

    def __init__(self) -> None:
        self.wanting: list[Channel[Any]] = []

    def wanted(self, channel: Channel[Any]) -> None:
        self.wanting.append(channel)

    def wants(self, hub: Hub) -> list[Want]:
        return [want for channel in self.wanting for want in hub.wants(channel)]

    def arrives(self, hub: Hub, **klines: list[Kline]) -> None:
        for channel in self.wanting:
            for want in hub.wants(channel):
                hub.load(channel, want, klines.get(want.market, []))


@pytest.fixture
def markets() -> Markets:
    markets = Markets()
    markets.take_market(market())
    return markets


@pytest.fixture
def past() -> Remembered:
    return Remembered()


@pytest.fixture
def hub(markets: Markets, past: Remembered) -> Hub:
    return Hub(markets, lambda: NOON, past)


def minute(at: int, close: str, seq: int, name: MarketId = BTC) -> Kline:
    return kline(NOON + at * MINUTE, close, seq=seq, name=name)


def test_a_window_waits_for_its_past_and_then_says_what_came_since(
    hub: Hub, markets: Markets, past: Remembered
) -> None:
    listener = Listener()
    hub.subscribe("btcusdt@ticker_1h", listener)
    assert past.wants(hub) == [Want(BTC, Interval.M1, NOON - HOUR_MS)]
    markets.take_kline(minute(0, "103", 3))
    hub.tick(NOON)
    assert listener.heard() == []

    past.arrives(hub, BTCUSDT=[minute(-70, "90", 1), minute(-1, "102", 2)])
    hub.tick(NOON)

    # The candle of 70 minutes ago is not in it.
    assert listener.heard() == [
        {
            "e": "1hTicker",
            "E": NOON,
            "s": "BTCUSDT",
            "p": "3.00000000",
            "P": "3.000",
            "o": "100.00000000",
            "h": "120.00000000",
            "l": "90.00000000",
            "c": "103.00000000",
            "w": "103.33333333",
            "v": "6.00000000",
            "q": "620.00000000",
            "O": NOON - HOUR_MS,
            "C": NOON,
            "F": 1,
            "L": 3,
            "n": 5,
        }
    ]
    hub.tick(NOON + 2 * SECOND)
    assert listener.heard() == []
    # A trade leaves the window: nobody trades, and yet it is another.
    hub.tick(NOON + 60 * MINUTE)
    (told,) = listener.heard()
    assert (told["n"], told["o"]) == (3, amount("100"))


def test_windows_of_all_markets_hold_those_that_changed(
    hub: Hub, markets: Markets, past: Remembered
) -> None:
    listener = Listener()
    hub.subscribe("!ticker_1d@arr", listener)
    past.arrives(hub, BTCUSDT=[minute(-1, "102", 2)])
    hub.tick(NOON)
    assert [[each["s"] for each in told] for told in listener.heard()] == [["BTCUSDT"]]

    markets.take_kline(minute(0, "7", 1, ETH))
    hub.tick(NOON + 2 * SECOND)
    assert listener.heard() == []
    past.arrives(hub)
    hub.tick(NOON + 4 * SECOND)
    assert [[each["c"] for each in told] for told in listener.heard()] == [[amount("7")]]


def test_the_average_price_is_that_of_five_minutes(
    hub: Hub, markets: Markets, past: Remembered
) -> None:
    listener = Listener()
    hub.subscribe("btcusdt@avgPrice", listener)
    old = kline(NOON - 300 * SECOND, "90", seq=1, interval="1s", length_ms=SECOND)
    past.arrives(hub, BTCUSDT=[old])
    hub.tick(NOON)
    (quiet,) = listener.heard()
    assert quiet == {
        "e": "avgPrice",
        "E": NOON,
        "s": "BTCUSDT",
        "i": "5m",
        "w": amount("90"),
        "T": NOON - 300 * SECOND + 1,
    }
    markets.take_kline(kline(NOON, "110", seq=2, interval="1s", length_ms=SECOND))
    hub.tick(NOON + SECOND)
    (told,) = listener.heard()
    assert (told["w"], told["T"]) == ("103.33333333", NOON + 1)


def test_a_day_of_another_zone_is_put_together_from_hours(
    hub: Hub, markets: Markets, past: Remembered
) -> None:
    """Noon in UTC is eight in the evening of a day that began at 16:00 UTC of the day before."""
    listener = Listener()
    hub.subscribe("btcusdt@kline_1d@+08:00", listener)
    began = NOON - 20 * HOUR_MS
    assert past.wants(hub) == [Want(BTC, Interval.H8, began)]

    def part(at: int, close: str, seq: int) -> Kline:
        return kline(at, close, seq=seq, interval="8h", length_ms=8 * HOUR_MS)

    past.arrives(hub, BTCUSDT=[part(began - 8 * HOUR_MS, "98", 1), part(began, "99", 2)])
    markets.take_kline(part(NOON - 4 * HOUR_MS, "105", 3))
    hub.tick(NOON)

    first, told = listener.heard()
    assert first["k"]["c"] == amount("99")
    candle = told["k"]
    assert (candle["t"], candle["T"]) == (began, began + 24 * HOUR_MS - 1)
    assert (candle["i"], candle["c"], candle["v"], candle["n"]) == (
        "1d",
        amount("105"),
        amount("6"),
        5,
    )
    hub.tick(began + 24 * HOUR_MS + SECOND)
    (closed,) = listener.heard()
    assert closed["k"]["x"]


def test_candles_that_are_the_same_in_both_zones_need_no_past(
    hub: Hub, markets: Markets, past: Remembered
) -> None:
    listener = Listener()
    hub.subscribe("btcusdt@kline_1h@+08:00", listener)
    assert past.wants(hub) == []
    markets.take_kline(kline(NOON, "101", interval="1h", length_ms=HOUR_MS))
    hub.tick(NOON)
    assert len(listener.heard()) == 1


def test_a_stream_that_nobody_hears_wants_nothing(hub: Hub, past: Remembered) -> None:
    listener = Listener()
    hub.subscribe("btcusdt@ticker_4h", listener)
    hub.unsubscribe("btcusdt@ticker_4h", listener)
    assert past.wants(hub) == []


def test_microseconds_are_a_form_of_the_same_frame(
    hub: Hub, markets: Markets, past: Remembered
) -> None:
    listener = Listener()
    hub.subscribe("btcusdt@kline_1m", listener)
    markets.take_kline(minute(0, "101", 1))
    hub.tick(NOON)
    (frame,) = listener.frames
    told = json.loads(frame.framed(combined=False, in_microseconds=True)[4:])
    assert told["E"] == (NOON + 1) * 1000
    assert (told["k"]["t"], told["k"]["T"]) == (NOON * 1000, (NOON + MINUTE) * 1000 - 1)
    assert json.loads(frame.payload)["k"]["t"] == NOON
