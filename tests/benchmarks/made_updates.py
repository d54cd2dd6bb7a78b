"""What markets and ledgers say of orders that are placed, rest, and trade: made, not matched."""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import count
from typing import NamedTuple

from streams.messages import AccountId, BalanceUpdate, MarketId, OrderId, OrderUpdate, Update
from tests.unit.projections.samples import (
    T0,
    balance,
    balance_update,
    filled,
    order_id,
    order_update,
)

MARKETS = tuple(map(MarketId, ("BTCUSDT", "ETHUSDT", "SOLUSDT", "XRPUSDT")))


class Order(NamedTuple):
    """One order, and all that is said on `updates` because of it."""

    account: AccountId
    market: MarketId
    order_id: OrderId
    updates: list[Update]


class Orders:
    """Orders of so many accounts on four markets. The first of two rests, the second meets it."""

    def __init__(self, accounts: int, first: int = 1) -> None:
        self._accounts = [AccountId(f"account-{number}") for number in range(accounts)]
        self._chance = random.Random(accounts)
        self._numbers = count(first)
        self._sequence = count(first * 8)
        self._resting: dict[MarketId, tuple[int, AccountId]] = {}

    def __iter__(self) -> Iterator[Order]:
        for number in self._numbers:
            account = self._chance.choice(self._accounts)
            market = self._chance.choice(MARKETS)
            updates: list[Update] = [self._held(account), self._new(number, account, market)]
            maker = self._resting.pop(market, None)
            if maker is None:
                self._resting[market] = (number, account)
            else:
                updates += self._traded(market, maker, (number, account))
            yield Order(account, market, order_id(number), updates)

    def updates(self, records: int) -> list[Update]:
        """The first so many of what is said."""
        found: list[Update] = []
        for order in self:
            found += order.updates
            if len(found) >= records:
                break
        return found[:records]

    def _new(self, number: int, account: AccountId, market: MarketId) -> OrderUpdate:
        return order_update(next(self._sequence), number, account=account, market=market)

    def _traded(self, market: MarketId, *orders: tuple[int, AccountId]) -> Iterator[Update]:
        sequence = next(self._sequence)
        for number, account in orders:
            yield filled(sequence, number, trade_id=sequence, account=account, market=market)
        for _, account in orders:
            yield self._held(account)

    def _held(self, account: AccountId) -> BalanceUpdate:
        sequence = next(self._sequence)
        held = (balance("USDT", T0, sequence), balance("BTC", sequence, T0))
        return balance_update(sequence, *held, account=account)
