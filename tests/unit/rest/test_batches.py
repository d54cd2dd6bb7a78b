"""A batch that would not be taken is refused before its orders are looked at."""

from __future__ import annotations

import json

import pytest

from api.accounts import outstanding
from api.auth import Caller
from api.errors import ApiError
from api.handlers.exchange import Exchange
from api.handlers.parameters import Parameters
from api.handlers.placing import new_orders
from streams.messages import AccountId, RequestId
from tests.unit.feeds.samples import BTC, ETH, market
from tests.unit.rest.test_app import unstarted

ALICE = Caller(AccountId("alice"), 2**62)


@pytest.fixture
def exchange(monkeypatch: pytest.MonkeyPatch) -> Exchange:
    """A market that takes one more order."""
    monkeypatch.setattr(outstanding, "OUTSTANDING_MAX", 2)
    exchange = unstarted()
    exchange.markets.take_market(market(BTC))
    partition = exchange.rules(BTC).config.partition
    exchange.accounts.outstanding.add(RequestId(1), partition)
    return exchange


def batch(*symbols: str) -> Parameters:
    return Parameters({"batchOrders": json.dumps([{"symbol": symbol} for symbol in symbols])})


async def test_what_its_market_has_no_room_for_is_refused_whole(exchange: Exchange) -> None:
    with pytest.raises(ApiError) as refused:
        await new_orders(exchange, ALICE, batch(BTC, BTC))
    assert refused.value.code == -1008


async def test_what_there_is_room_for_is_looked_at(exchange: Exchange) -> None:
    answers = await new_orders(exchange, ALICE, batch(BTC, ETH))
    assert [answer["code"] for answer in answers] == [-1102, -1102]
