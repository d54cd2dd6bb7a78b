"""A whole exchange for the tests of one module, which may put another in its place."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import httpx
import pytest

from infra.bring_up import bring_up, take_down
from infra.installation import Installation
from infra.settings import Settings
from tests.integration.rest import Administrator, Trader


@pytest.fixture(scope="module")
def installation(make_settings: Callable[..., Settings]) -> Iterator[Installation]:
    settings = make_settings(market_partitions=2)
    yield bring_up(settings, lambda name, state, address: None)
    for _ in take_down(settings):
        pass


@pytest.fixture(scope="module")
def http(installation: Installation) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=installation.api_url, timeout=20) as client:
        yield client


@pytest.fixture(scope="module")
def admin(installation: Installation, http: httpx.Client) -> Administrator:
    """Of a venue with one market, BTCUSDT."""
    admin = Administrator(installation, http)
    admin.create_market()
    return admin


@pytest.fixture
def alice(admin: Administrator) -> Iterator[Trader]:
    """A new account; what it leaves in the book is taken out of it."""
    yield from _trading(admin)


@pytest.fixture
def bob(admin: Administrator) -> Iterator[Trader]:
    """Another."""
    yield from _trading(admin)


def _trading(admin: Administrator) -> Iterator[Trader]:
    trader = admin.open_account()
    yield trader
    trader.send("DELETE", "openOrders", symbol="BTCUSDT")
