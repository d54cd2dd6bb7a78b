"""The exchange as handlers see it: views to read from, a way in for commands."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from api.accounts.answers import Answers
from api.accounts.reads import Reads
from api.accounts.sender import Placed, Sender
from api.accounts.view import AccountView
from api.auth import Caller
from api.errors import bad_symbol, unavailable
from api.feeds.market_view import MarketView
from api.feeds.markets import MarketFeed
from api.feeds.rules import MarketRules
from api.handlers.freshness import FreshBooks
from api.identity.identity import Identity
from api.weight_limit import WeightLimit
from infra.settings import Settings
from streams.messages import (
    AccountCommand,
    AccountId,
    CancelOrder,
    CancelReplaceOrder,
    MarketCommand,
    MarketId,
    OrderCounts,
    OrderLimits,
    PlaceOrder,
    partition_of_account,
)


def now_ms() -> int:
    return time.time_ns() // 1_000_000


@dataclass(frozen=True, slots=True)
class Exchange:
    """What one api process stands on. Its owner runs the parts; handlers only use them."""

    settings: Settings
    markets: MarketView
    books: FreshBooks
    accounts: AccountView
    answers: Answers
    commands: Sender[AccountCommand]
    configuration: Sender[MarketCommand]
    reads: Reads
    identity: Identity
    clock: Callable[[], int] = field(default=now_ms)
    weights: WeightLimit = field(default_factory=WeightLimit)
    order_limits: OrderLimits | None = None

    def rules(self, symbol: str) -> MarketRules:
        """A market's configuration; raises -1121."""
        rules = self.markets.rules.get(MarketId(symbol))
        if rules is None:
            raise bad_symbol() if self.markets.ready else unavailable()
        return rules

    def feed(self, symbol: str) -> MarketFeed:
        """What is known of a market live; raises -1121."""
        return self.markets.feeds[self.rules(symbol).market]

    def order_counts(self, account: AccountId) -> OrderCounts:
        """An account's unfilled orders, as far as this api has heard from the ledger."""
        return self.accounts.order_counts(account, self.clock())

    async def command(
        self, account: AccountId, command: AccountCommand, ledger_answers: bool = True
    ) -> Placed:
        """Put an account's command on the log; what it reads from now on will reflect it.

        Raises -1008 when too many are waiting, -1007 when the log did not answer.
        """
        (placed,) = await self._send(account, (command,))
        self.accounts.acknowledge(account, placed, ledger_answers)
        return placed

    async def cancels(self, account: AccountId, commands: Collection[CancelOrder]) -> list[Placed]:
        """Put an account's cancels on the log together, a frame's worth at most; as `command`."""
        placed = await self._send(account, commands)
        for place in placed:
            self.accounts.acknowledge(account, place, ledger_answers=False)
        return placed

    def check_room(self, account: AccountId, symbols: Collection[str]) -> None:
        """Raise -1008 where an account's orders for these markets would not be taken, if each is
        what it should be: it is cheaper to say so before they are looked at.
        """
        self.commands.check_room(self._partition(account), len(symbols))
        for symbol, count in Counter(symbols).items():
            rules = self.markets.rules.get(MarketId(symbol))
            if rules is not None:
                self.accounts.outstanding.check_room(rules.config.partition, count)

    async def orders(self, caller: Caller, orders: Collection[PlaceOrder]) -> list[Placed]:
        """Put a caller's new orders on the log together, in order; as `command`.

        Raises -1021 when they expire before they get there, -1008 also when too many of their
        markets' orders have no outcome yet.
        """
        for partition, count in Counter(order.market_partition for order in orders).items():
            self.accounts.outstanding.check_room(partition, count)
        placed = await self._send(caller.account, orders, caller.expires_us)
        self.accounts.acknowledge_orders(caller.account, orders, placed)
        return placed

    async def replacement(self, caller: Caller, command: CancelReplaceOrder) -> Placed:
        """Put a cancel and the order that is to follow it on the log, as one command.

        Raises as `orders`.
        """
        self.accounts.outstanding.check_room(command.order.market_partition)
        (placed,) = await self._send(caller.account, (command,), caller.expires_us)
        self.accounts.acknowledge(caller.account, placed, ledger_answers=False)
        return placed

    async def _send(
        self, account: AccountId, commands: Collection[AccountCommand], expires_us: int = 0
    ) -> list[Placed]:
        return await self.commands.send_all(commands, account, self._partition(account), expires_us)

    def _partition(self, account: AccountId) -> int:
        return partition_of_account(account, self.settings.account_partitions)
