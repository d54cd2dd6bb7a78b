"""A whole exchange for the tests of one module, which may put another in its place."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import httpx
import pytest

from infra.bring_up import bring_up, take_down
from infra.installation import Installation
from infra.settings import Settings


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
