"""Requests about markets: which they name, and the zones and windows they ask for."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from api.errors import ApiError
from api.feeds.candles import DAY_MS, HOUR_MS, MINUTE_MS
from api.handlers.endpoints import PUBLIC
from api.handlers.entry import PublicEntry
from api.handlers.exchange import Exchange
from api.handlers.parameters import Parameters
from api.handlers.spans import time_zone, window_size
from streams.messages import MarketId, MarketStatus
from tests.unit.feeds.samples import BTC, ETH, NOON, diff, kline, levels, market, snapshot, trade
from tests.unit.rest.test_app import unstarted

HALTED = MarketId("OLDUSDT")


@pytest.fixture
def exchange(monkeypatch: pytest.MonkeyPatch) -> Exchange:
    """Three markets, of which one is halted; BTCUSDT has traded at noon, a minute ago."""
    exchange = unstarted(lambda: NOON + MINUTE_MS)
    markets = exchange.markets
    for name in (BTC, ETH):
        markets.take_market(market(name))
    markets.take_market(msgspec.structs.replace(market(HALTED), status=MarketStatus.HALT))
    markets.take_depth(snapshot(1, levels("99 x 1"), levels("101 x 1")))
    markets.take_depth(diff(2, 2, levels("99.5 x 2")))
    markets.take_trade(trade(1))
    for interval, length in (("1s", 1_000), ("1m", MINUTE_MS), ("1h", HOUR_MS), ("1d", DAY_MS)):
        for seq, opens in ((1, NOON - NOON % length - 20 * DAY_MS), (2, NOON - NOON % length)):
            event = kline(opens, "105", seq=seq, interval=interval, length_ms=length)
            markets.take_kline(msgspec.structs.replace(event, trades=1, first_trade_id=seq))
    monkeypatch.setattr(type(markets), "ready", True)
    return exchange


ENDPOINTS = {endpoint.path.removeprefix("/api/v3/"): endpoint for endpoint in PUBLIC}


async def answer(exchange: Exchange, path: str, **sent: object) -> Any:
    entry = PublicEntry(exchange, ENDPOINTS[path])
    return await entry.answer({name: str(value) for name, value in sent.items()}, "")


async def codes(exchange: Exchange, path: str, **sent: object) -> int:
    with pytest.raises(ApiError) as refused:
        await answer(exchange, path, **sent)
    return refused.value.code


async def test_exchange_info_shows_those_asked_for(exchange: Exchange) -> None:
    async def listed(**sent: object) -> list[str]:
        return [
            each["symbol"] for each in (await answer(exchange, "exchangeInfo", **sent))["symbols"]
        ]

    assert await listed() == [BTC, ETH, HALTED]
    assert await listed(symbol=ETH) == [ETH]
    assert await listed(symbols='["OLDUSDT","BTCUSDT"]') == [HALTED, BTC]
    assert await listed(symbolStatus="HALT") == [HALTED]
    assert await listed(permissions="SPOT") == [BTC, ETH, HALTED]
    assert await listed(permissions='["MARGIN","SPOT"]', symbolStatus="TRADING") == [BTC, ETH]
    assert await listed(permissions='["MARGIN","LEVERAGED"]') == []
    info = await answer(exchange, "exchangeInfo", symbol=BTC, showPermissionSets="false")
    assert info["symbols"][0]["permissionSets"] == []


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        ({"symbol": BTC, "symbols": '["ETHUSDT"]'}, -1128),
        ({"symbol": BTC, "permissions": "SPOT"}, -1128),
        ({"symbols": '["BTCUSDT"]', "symbolStatus": "TRADING"}, -1128),
        ({"symbol": "NOPE"}, -1121),
        ({"symbols": '["BTCUSDT","NOPE"]'}, -1121),
        ({"symbols": '["BTCUSDT","BTCUSDT"]'}, -1151),
        ({"symbols": '["BTCUSDT"'}, -1100),
        ({"symbolStatus": "OPEN"}, -1122),
        ({"permissions": "NOTHING"}, -1130),
        ({"permissions": '["SPOT"'}, -1130),
        ({"showPermissionSets": "maybe"}, -1100),
    ],
)
async def test_exchange_info_refuses_what_cannot_be_combined(
    exchange: Exchange, sent: dict[str, str], code: int
) -> None:
    assert await codes(exchange, "exchangeInfo", **sent) == code


@pytest.mark.parametrize("path", ["ticker/24hr", "ticker/price", "ticker/bookTicker", "ticker"])
async def test_a_status_leaves_markets_out_of_a_list_and_refuses_a_single_one(
    exchange: Exchange, path: str
) -> None:
    both = '["OLDUSDT","BTCUSDT"]'
    listed = await answer(exchange, path, symbols=both, symbolStatus="TRADING")
    assert [each["symbol"] for each in listed] == [BTC]
    assert await codes(exchange, path, symbol=HALTED, symbolStatus="TRADING") == -1220
    assert (await answer(exchange, path, symbol=BTC, symbolStatus="TRADING"))["symbol"] == BTC


async def test_depth_can_ask_for_a_status(exchange: Exchange) -> None:
    book = await answer(exchange, "depth", symbol=BTC, symbolStatus="TRADING")
    assert book["bids"][0] == ("99.50000000", "2.00000000")
    assert await codes(exchange, "depth", symbol=BTC, symbolStatus="HALT") == -1220


@pytest.mark.parametrize("path", ["ticker", "ticker/tradingDay"])
async def test_windows_are_of_named_markets_and_of_a_hundred_at_most(
    exchange: Exchange, path: str
) -> None:
    assert await codes(exchange, path) == -1102
    many = str([f"A{number}" for number in range(101)]).replace("'", '"').replace(" ", "")
    assert await codes(exchange, path, symbols=many) == -1130
    assert await codes(exchange, path, symbol=BTC, type="HUGE") == -1139


async def test_a_window_ends_now_and_begins_on_a_minute(exchange: Exchange) -> None:
    ticker = await answer(exchange, "ticker", symbol=BTC, windowSize="2h")
    assert ticker["openTime"] == NOON - 2 * HOUR_MS + MINUTE_MS
    assert ticker["closeTime"] == NOON + MINUTE_MS
    assert (ticker["openPrice"], ticker["lastPrice"]) == ("100.00000000", "105.00000000")
    assert (ticker["count"], ticker["weightedAvgPrice"]) == (1, "103.33333333")
    assert ticker["priceChangePercent"] == "5.000"
    mini = await answer(exchange, "ticker", symbol=BTC, windowSize="2h", type="MINI")
    assert "priceChange" not in mini


async def test_a_window_in_which_nothing_traded_is_flat_at_the_last_price(
    exchange: Exchange,
) -> None:
    ticker = await answer(exchange, "ticker", symbol=BTC, windowSize="1m")
    assert ticker["openTime"] == NOON
    exchange_later = at_time(exchange, NOON + 10 * MINUTE_MS)
    ticker = await answer(exchange_later, "ticker", symbol=BTC, windowSize="1m")
    assert (ticker["openPrice"], ticker["highPrice"]) == ("105.00000000", "105.00000000")
    assert (ticker["count"], ticker["firstId"], ticker["volume"]) == (0, -1, "0.00000000")


def at_time(exchange: Exchange, now: int) -> Exchange:
    return replace(exchange, clock=lambda: now)


async def test_a_trading_day_begins_at_midnight_of_its_zone(exchange: Exchange) -> None:
    utc = await answer(exchange, "ticker/tradingDay", symbol=BTC)
    assert (utc["openTime"], utc["closeTime"]) == (NOON - 12 * HOUR_MS, NOON + 12 * HOUR_MS - 1)
    tokyo = await answer(exchange, "ticker/tradingDay", symbol=BTC, timeZone="9")
    assert tokyo["openTime"] == NOON - 21 * HOUR_MS
    assert (tokyo["count"], tokyo["lastPrice"]) == (1, "105.00000000")


async def test_candles_open_by_the_clock_of_a_zone(exchange: Exchange) -> None:
    (today,) = await answer(
        exchange, "klines", symbol=BTC, interval="1d", timeZone="-05:00", limit=1
    )
    assert (today[0], today[6]) == (NOON - 7 * HOUR_MS, NOON + 17 * HOUR_MS - 1)
    assert (today[1], today[4], today[8]) == ("100.00000000", "105.00000000", 1)
    assert await codes(exchange, "klines", symbol=BTC, interval="1d", timeZone="15") == -1130
    same = {"symbol": BTC, "interval": "1m", "limit": 2}
    assert await answer(exchange, "uiKlines", **same) == await answer(exchange, "klines", **same)


async def test_the_average_price_is_that_of_five_minutes(exchange: Exchange) -> None:
    average = await answer(exchange, "avgPrice", symbol=BTC)
    assert average == {"mins": 5, "price": "103.33333333", "closeTime": NOON + 1}
    later = at_time(exchange, NOON + 10 * MINUTE_MS)
    assert (await answer(later, "avgPrice", symbol=BTC))["price"] == "105.00000000"


@pytest.mark.parametrize(
    ("written", "minutes"),
    [
        ("0", 0),
        ("8", 480),
        ("-1:00", -60),
        ("05:45", 345),
        ("+14:00", 840),
        (" 9", 540),
        ("-12:00", -720),
        ("-12:01", None),
        ("14:01", None),
        ("1:60", None),
        ("UTC", None),
        ("1:5", None),
        ("--1", None),
    ],
)
def test_a_zone_is_written_in_hours_or_hours_and_minutes(written: str, minutes: int | None) -> None:
    sent = Parameters({"timeZone": written})
    if minutes is None:
        with pytest.raises(ApiError, match=re.escape("-1130")):
            time_zone(sent)
    else:
        assert time_zone(sent) == minutes * MINUTE_MS


@pytest.mark.parametrize(
    ("written", "length_ms"),
    [
        ("1m", MINUTE_MS),
        ("59m", 59 * MINUTE_MS),
        ("23h", 23 * HOUR_MS),
        ("7d", 7 * DAY_MS),
        ("60m", None),
        ("24h", None),
        ("8d", None),
        ("0m", None),
        ("1d2h", None),
        ("1w", None),
    ],
)
def test_a_window_is_written_in_minutes_hours_or_days(written: str, length_ms: int | None) -> None:
    sent = Parameters({"windowSize": written})
    if length_ms is None:
        with pytest.raises(ApiError, match=re.escape("-1130")):
            window_size(sent)
    else:
        assert window_size(sent) == length_ms
