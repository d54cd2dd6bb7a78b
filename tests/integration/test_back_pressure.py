"""A market that stands still: the api takes so many orders for it, then says so, then goes on."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from decimal import Decimal

import httpx
import pytest

from api.accounts.outstanding import OUTSTANDING_MAX
from infra.bring_up import bring_up, take_down
from infra.installation import Installation
from infra.processes import Records
from infra.settings import Settings
from tests.integration.rest import Administrator, Trader, limit_order

BATCH = 100
RECOVERY_LIMIT_S = 60.0


@pytest.fixture(scope="module")
def installation(make_settings: Callable[..., Settings]) -> Iterator[Installation]:
    # A worker that is paused for longer than its session ends when it goes on.
    settings = make_settings(market_partitions=2, session_s=60.0)
    yield bring_up(settings, lambda name, state, address: None)
    for _ in take_down(settings):
        pass


@pytest.fixture(scope="module")
def http(installation: Installation) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=installation.api_url, timeout=20) as client:
        yield client


@pytest.fixture(scope="module")
def alice(installation: Installation, http: httpx.Client) -> Trader:
    admin = Administrator(installation, http)
    admin.create_market()
    return admin.open_account()


def place(trader: Trader, count: int, response: str = "ACK") -> httpx.Response:
    order = {**limit_order("SELL", "0.0001", "10000"), "newOrderRespType": response}
    return trader.send("POST", "batchOrders", batchOrders=json.dumps([order] * count))


def is_busy(answer: httpx.Response) -> bool:
    """Whether the door said that it takes no more now, and when to come again."""
    busy = answer.status_code == 503 and bool(answer.json()["code"] == -1008)
    assert not busy or answer.headers["Retry-After"] == "1"
    return busy


def wait_until_caught_up(trader: Trader, order_id: int) -> None:
    """A read of one's orders waits for all that one was told, and says so where it takes long."""
    deadline = time.monotonic() + RECOVERY_LIMIT_S
    while trader.send("GET", "order", symbol="BTCUSDT", orderId=order_id).status_code == 503:
        assert time.monotonic() < deadline, "it did not come back in time"


def place_once_it_is_taken(trader: Trader) -> httpx.Response:
    """A batch with its outcomes, sent again for as long as the door is busy."""
    deadline = time.monotonic() + RECOVERY_LIMIT_S
    while is_busy(answer := place(trader, BATCH, "RESULT")):
        assert time.monotonic() < deadline, "it did not come back in time"
    return answer


def test_while_matching_stands_still_so_many_orders_are_taken_and_then_all_is_well_again(
    installation: Installation, http: httpx.Client, alice: Trader
) -> None:
    (first,) = place(alice, 1, "RESULT").json()
    assert first["status"] == "NEW"
    matching = Records(installation.settings.home).running("matching")
    assert matching is not None
    os.kill(matching.pid, signal.SIGSTOP)
    try:
        taken = 0
        while (answer := place(alice, BATCH)).status_code == 200:
            taken += BATCH
            assert taken <= OUTSTANDING_MAX
        assert is_busy(answer)
        assert taken > OUTSTANDING_MAX - BATCH
        assert is_busy(alice.send("POST", "order", **limit_order("SELL", "0.0001", "10000")))
        # Who does not ask for the market is served.
        assert http.get("/api/v3/ping").status_code == 200
    finally:
        os.kill(matching.pid, signal.SIGCONT)
    wait_until_caught_up(alice, first["orderId"])
    answers = place_once_it_is_taken(alice).json()
    assert {answer["status"] for answer in answers} == {"NEW"}
    assert alice.balances()["BTC"][1] == Decimal(taken + BATCH + 1) / 10_000
