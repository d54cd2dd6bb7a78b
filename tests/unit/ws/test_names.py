"""Which names are streams."""

from __future__ import annotations

import pytest

from api.feeds.candles import Interval
from api.ws.names import (
    AggregateTrades,
    AllDayTickers,
    AllWindowTickers,
    AveragePrice,
    BookTicker,
    Candlestick,
    DayTicker,
    DepthDiffs,
    PartialDepth,
    Stream,
    Subscription,
    Trades,
    UnknownStreamError,
    WindowTicker,
    parse_stream,
    parse_subscription,
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
        ("btcusdt@kline_1d@+08:00", Candlestick(BTC, Interval.D1, 8 * 3_600_000)),
        ("btcusdt@avgPrice", AveragePrice(BTC)),
        ("btcusdt@ticker_4h", WindowTicker(BTC, Interval.H4)),
        ("!ticker_1d@arr", AllWindowTickers(Interval.D1)),
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
        "!ticker_2h@arr",
        "!ticker_1h",
        "btcusdt@ticker_2h",
        "btcusdt@kline_1d@+09:00",
        "btcusdt@kline_1d@",
    ],
)
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(UnknownStreamError):
        parse_stream(name)


def test_diffs_may_be_asked_to_begin_with_the_book_or_where_a_client_was() -> None:
    wanted = parse_subscription("btcusdt@depth@100ms?snapshot=true&checksum=true")
    assert wanted.name == "btcusdt@depth@100ms"
    assert wanted.stream == DepthDiffs(BTC, 100, checksum=True)
    assert (wanted.snapshot, wanted.since) == (True, None)
    assert parse_subscription("btcusdt@depth?from=160").since == 160
    plain = "btcusdt@depth"
    assert parse_subscription(plain) == Subscription(plain, plain, DepthDiffs(BTC, 1000))


@pytest.mark.parametrize(
    "name",
    [
        "btcusdt@depth?",
        "btcusdt@depth?snapshot=maybe",
        "btcusdt@depth?from=",
        "btcusdt@depth?from=-1",
        "btcusdt@depth?other=1",
        "btcusdt@depth5?snapshot=true",
        "btcusdt@trade?from=1",
    ],
)
def test_other_options_are_refused(name: str) -> None:
    with pytest.raises(UnknownStreamError):
        parse_subscription(name)
