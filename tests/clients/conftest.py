"""One exchange for all clients, and two accounts on it for each test."""

from __future__ import annotations

import secrets
import time
import warnings
from collections.abc import Iterator

import httpx
import pytest

from infra.bring_up import bring_up, take_down
from infra.installation import Installation
from infra.local import Addresses
from infra.settings import UNLIMITED, Settings
from tests.integration.rest import MARKET, Administrator, Trader

with warnings.catch_warnings():
    # What they say while they are imported is about what they themselves are built upon.
    warnings.simplefilter("ignore")
    import binance
    import binance_sdk_spot
    import ccxt
    import ccxt.async_support

CLIENTS = (binance, binance_sdk_spot, ccxt)
CANDLES_LIMIT_S = 30
OTHER_MARKET = {**MARKET, "symbol": "ETHUSDT", "base": "ETH"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What clients say of their own dependencies is not about us."""
    for item in items:
        if item.nodeid.startswith("tests/clients/"):
            item.add_marker(pytest.mark.filterwarnings("ignore::DeprecationWarning"))


@pytest.fixture(scope="package")
def exchange(
    servers: Addresses, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    """A whole exchange with two markets, BTCUSDT and ETHUSDT."""
    ours = {
        "home": tmp_path_factory.mktemp("clients"),
        "kafka": servers.kafka,
        "cql": servers.cql,
        "venue": f"t{secrets.token_hex(4)}_clients",
        "market_partitions": 2,
    }
    settings = Settings().model_copy(update=UNLIMITED | ours)
    try:
        installation = bring_up(settings, lambda name, state, address: None)
        with httpx.Client(base_url=installation.api_url, timeout=20) as http:
            administrator = Administrator(installation, http)
            for market in (MARKET, OTHER_MARKET):
                created = administrator("POST", "markets", **market)
                assert created.status_code == 201, created.text
        yield installation
    finally:
        for _ in take_down(settings):
            pass


@pytest.fixture
def accounts(exchange: Installation) -> Iterator[tuple[Trader, Trader]]:
    """Two new accounts with 10000 USDT and 10 BTC each; their orders are gone afterwards."""
    with httpx.Client(base_url=exchange.api_url, timeout=20) as http:
        administrator = Administrator(exchange, http)
        opened = administrator.open_account(), administrator.open_account()
        yield opened
        for account in opened:
            account.send("DELETE", "openOrders", symbol="BTCUSDT")


@pytest.fixture
def traded(exchange: Installation, accounts: tuple[Trader, Trader]) -> None:
    """Half a bitcoin was just bought at 100, another half is for sale, and candles show it."""
    user, other = accounts
    other.limit("SELL", "1", "100")
    user.limit("BUY", "0.5", "100")
    deadline = time.monotonic() + CANDLES_LIMIT_S
    asked = f"{exchange.api_url}/api/v3/klines?symbol=BTCUSDT&interval=1m&limit=1"
    while not httpx.get(asked).json():
        assert time.monotonic() < deadline, "no candle of a trade"
        time.sleep(0.05)


@pytest.fixture
def user(accounts: tuple[Trader, Trader]) -> Trader:
    """The account whose client is tried."""
    return accounts[0]


@pytest.fixture
def other(accounts: tuple[Trader, Trader]) -> Trader:
    """Whoever it trades with."""
    return accounts[1]
