"""One installation for all that is tried here, with two doors."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import httpx
import pytest

from infra.bring_up import bring_up, take_down
from infra.installation import Installation
from infra.local import Addresses
from infra.settings import UNLIMITED, Settings
from tests.integration.doors import another_door
from tests.integration.rest import Administrator
from tests.integration.users import User


@pytest.fixture(scope="package")
def installation(
    servers: Addresses, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    """One whose doors stand behind a proxy, which tells where clients are."""
    settings = Settings().model_copy(
        update=UNLIMITED
        | {
            "home": tmp_path_factory.mktemp("auth"),
            "kafka": servers.kafka,
            "cql": servers.cql,
            "venue": f"t{secrets.token_hex(4)}_auth",
            "market_partitions": 2,
            "proxies": "127.0.0.1",
        }
    )
    try:
        found = bring_up(settings, lambda name, state, address: None)
        known = found.settings.model_copy(update={"proxies": settings.proxies})
        yield Installation(known, found.urls)
    finally:
        for _ in take_down(settings):
            pass


@pytest.fixture(scope="package")
def http(installation: Installation) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=installation.api_url, timeout=20) as client:
        yield client


@pytest.fixture(scope="package")
def admin(installation: Installation, http: httpx.Client) -> Administrator:
    admin = Administrator(installation, http)
    admin.create_market()
    return admin


@pytest.fixture(scope="package")
def other(installation: Installation, admin: Administrator) -> Iterator[httpx.Client]:
    """Another api, which runs all the time."""
    with another_door(installation) as door:
        yield door.http


@pytest.fixture
def ann(http: httpx.Client, admin: Administrator) -> User:
    return User.new(http)


@pytest.fixture
def bob(http: httpx.Client, admin: Administrator) -> User:
    return User.new(http)
