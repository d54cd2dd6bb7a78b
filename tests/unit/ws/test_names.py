"""Which names are streams."""

from __future__ import annotations

import pytest

from api.feeds.candles import Interval
from api.ws.names import (
    AggregateTrades,
    AllDayTickers,
    BookTicker,
    Candlestick,
    DayTicker,
    DepthDiffs,
    PartialDepth,
    Stream,
    Trades,
    UnknownStreamError,
    parse_stream,
)
from tests.unit.feeds.samples import BTC


@pytest.mark.parametrize(
    ("name", "stream"),
    [
        ("btcusdt@trade", Trades(BTC)),
        ("btcusdt@aggTrade", AggregateTrades(BTC)),
        ("btcusdt@bookTicker", BookTicker(BTC)),
        ("btcusdt@depth", DepthDiffs(BTC, 1000)),
        ("btcusdt@depth@1000ms", DepthDiffs(BTC, 1000)),
        ("btcusdt@depth@100ms", DepthDiffs(BTC, 100)),
        ("btcusdt@depth5", PartialDepth(BTC, 5, 1000)),
        ("btcusdt@depth10@100ms", PartialDepth(BTC, 10, 100)),
        ("btcusdt@depth20@1000ms", PartialDepth(BTC, 20, 1000)),
        ("btcusdt@kline_1m", Candlestick(BTC, Interval.M1)),
        ("btcusdt@kline_1M", Candlestick(BTC, Interval.MONTH)),
        ("btcusdt@ticker", DayTicker(BTC, mini=False)),
        ("btcusdt@miniTicker", DayTicker(BTC, mini=True)),
        ("!ticker@arr", AllDayTickers(mini=False)),
        ("!miniTicker@arr", AllDayTickers(mini=True)),
    ],
)
def test_streams_have_the_names_that_clients_know(name: str, stream: Stream) -> None:
    assert parse_stream(name) == stream


@pytest.mark.parametrize(
    "name",
    [
        "",
        "btcusdt",
        "@trade",
        "btcusdt@",
        "btcusdt@trades",
        "btcusdt@depth7",
        "btcusdt@depth@50ms",
        "btcusdt@depth5@",
        "btcusdt@kline_2m",
        "btcusdt@kline_1m@trade",
        'btc"usdt@trade',
        "btc usdt@trade",
        "bitcoin-" * 5 + "@trade",
        "!trade@arr",
    ],
)
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(UnknownStreamError):
        parse_stream(name)
