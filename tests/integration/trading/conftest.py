"""One exchange for all that is tried here. Accounts are new for each test; the market stays."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import httpx
import pytest

from infra.bring_up import bring_up, take_down
from infra.installation import Installation
from infra.local import Addresses
from infra.settings import UNLIMITED, Settings
from tests.integration.rest import Administrator


@pytest.fixture(scope="package")
def installation(
    servers: Addresses, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    ours = {
        "home": tmp_path_factory.mktemp("trading"),
        "kafka": servers.kafka,
        "cql": servers.cql,
        "venue": f"t{secrets.token_hex(4)}_trading",
        "market_partitions": 2,
    }
    settings = Settings().model_copy(update=UNLIMITED | ours)
    try:
        yield bring_up(settings, lambda name, state, address: None)
    finally:
        for _ in take_down(settings):
            pass


@pytest.fixture(scope="package")
def http(installation: Installation) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=installation.api_url, timeout=20) as client:
        yield client


@pytest.fixture(scope="package")
def admin(installation: Installation, http: httpx.Client) -> Administrator:
    """Of a venue with one market, BTCUSDT."""
    admin = Administrator(installation, http)
    admin.create_market()
    return admin
