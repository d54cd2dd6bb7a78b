"""What every test may ask for: servers to run against, and a venue of its own on them."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator

import pytest

from infra.local import Addresses
from infra.settings import UNLIMITED, Settings
from tests.servers import broker_and_database

# Tests' servers live for minutes, also those that a process of theirs starts.
os.environ.setdefault("VELOCITY_QUICK_SERVERS", "true")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs servers, so that `make test-fast` leaves it out."""
    for item in items:
        if "servers" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.servers)


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Addresses]:
    """A broker and a database, shared by the whole session and stopped at its end."""
    with broker_and_database(tmp_path_factory.mktemp("servers")) as addresses:
        yield addresses


@pytest.fixture(scope="module")
def venue(request: pytest.FixtureRequest) -> str:
    """A name for this module's topics and keyspace, which no other module or run has."""
    module = request.module.__name__.rpartition(".")[2].lower()
    return f"t{secrets.token_hex(4)}_{module}"[:32]


@pytest.fixture(scope="module")
def make_settings(
    servers: Addresses, venue: str, tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., Settings]:
    """Settings for this module's venue on the test servers; keyword arguments change fields."""
    home = tmp_path_factory.mktemp(venue)

    def make(**changes: object) -> Settings:
        ours = {"home": home, "kafka": servers.kafka, "cql": servers.cql, "venue": venue}
        return Settings().model_copy(update=UNLIMITED | ours | changes)

    return make
