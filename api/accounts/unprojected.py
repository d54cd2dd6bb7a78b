"""What `updates` said that the database may not have yet, by account.

There are thousands of updates a second, and few reads; and what the database has is let go of by
offset. So the end of a partition is kept in stretches, each with what its records amount to, and
goes a stretch at a time: no record is looked at again for it. A read puts the stretches together.
"""

from __future__ import annotations

from collections import deque

from streams.messages import (
    AccountId,
    Asset,
    Balance,
    BalanceUpdate,
    Execution,
    MarketId,
    Offset,
    OrderId,
    OrderUpdate,
    RequestRejected,
    Sequence,
    Update,
)

STRETCHES_MAX = 16
"""Of about the same length when the database is as far behind as it may be."""

TradeName = tuple[MarketId, int, OrderId]
"""A trade as one of its orders saw it: market, trade id and that order's id."""


EventName = tuple[MarketId, Sequence]
"""An event, by its market and number."""

_TRADE = Execution.TRADE


class AccountTail:
    """One account's latest orders, trades, other events and balances."""

    __slots__ = ("balances", "events", "orders", "settlements", "trades")

    def __init__(self) -> None:
        self.orders: dict[OrderId, OrderUpdate] = {}
        self.trades: dict[TradeName, OrderUpdate] = {}
        self.events: dict[EventName, OrderUpdate] = {}
        """Amendments and prevented matches; a match's two updates say the same of it."""
        self.balances: dict[Asset, Balance] = {}
        self.settlements: dict[str, Sequence] = {}
        """The last settlement announced by each market partition; balances follow it."""

    def add(self, later: AccountTail) -> None:
        """Take in what was said after all that is here."""
        self.orders.update(later.orders)
        self.trades.update(later.trades)
        self.events.update(later.events)
        self.balances.update(later.balances)
        self.settlements.update(later.settlements)


NOTHING = AccountTail()


class _Stretch:
    """Some records, one after the other, and what they amount to; `last` is the last's offset."""

    __slots__ = ("accounts", "last", "records")

    def __init__(self) -> None:
        self.accounts: dict[AccountId, AccountTail] = {}
        self.records = 0
        self.last = Offset(-1)


class Unprojected:
    """The end of one partition of `updates`: a bounded number of records, and what they amount to.

    When there are more than `maximum`, the oldest go all the same, and `lost` says up to where:
    who needs the database as well can't have a whole answer until it has caught up with that.
    """

    def __init__(self, maximum: int) -> None:
        self._maximum = maximum
        self._stretch_max = max(1, maximum // STRETCHES_MAX)
        self._records = 0
        self._newest = _Stretch()
        self._stretches = deque([self._newest])
        self.lost = Offset(0)

    def __len__(self) -> int:
        return self._records

    def account(self, account: AccountId) -> AccountTail:
        """What is here of an account; not to be changed."""
        tails = self._tails(account)
        if not tails:
            return NOTHING
        if len(tails) == 1:
            return tails[0]
        whole = AccountTail()
        for tail in tails:
            whole.add(tail)
        return whole

    def settlements(self, account: AccountId) -> dict[str, Sequence]:
        """The last settlement that each market partition has announced to an account."""
        found: dict[str, Sequence] = {}
        for tail in self._tails(account):
            found.update(tail.settlements)
        return found

    def apply(self, offset: Offset, update: Update) -> None:
        """Take the record at an offset; offsets rise."""
        if isinstance(update, OrderUpdate):
            tail = self._tail(offset, update.account)
            tail.orders[update.order_id] = update
            if update.execution is _TRADE:
                tail.trades[update.market, update.trade_id, update.order_id] = update
            if update.amendment is not None or update.prevention is not None:
                tail.events[update.market, update.market_seq] = update
            if update.settlement:
                tail.settlements[update.source] = update.settlement
        elif isinstance(update, BalanceUpdate):
            tail = self._tail(offset, update.account)
            for balance in update.balances:
                tail.balances[balance.asset] = balance
        elif isinstance(update, RequestRejected) and update.settlement:
            self._tail(offset, update.account).settlements[update.source] = update.settlement

    def forget(self, before: Offset) -> None:
        """Drop what records below an offset said, where nothing later has replaced it, as far as
        whole stretches go.
        """
        while self._stretches[0].last < before and self._stretches[0].records:
            self._drop_oldest()
        if len(self._stretches) < STRETCHES_MAX and self._newest.records:
            self._begin()

    def _tails(self, account: AccountId) -> list[AccountTail]:
        """What each stretch has of an account, the oldest first."""
        return [
            stretch.accounts[account] for stretch in self._stretches if account in stretch.accounts
        ]

    def _tail(self, offset: Offset, account: AccountId) -> AccountTail:
        """Where to put what the record at this offset says."""
        stretch = self._newest
        if stretch.records >= self._stretch_max:
            stretch = self._begin()
        stretch.records += 1
        stretch.last = offset
        self._records += 1
        if self._records > self._maximum:
            self.lost = Offset(self._stretches[0].last + 1)
            self._drop_oldest()
        tail = stretch.accounts.get(account)
        if tail is None:
            tail = stretch.accounts[account] = AccountTail()
        return tail

    def _begin(self) -> _Stretch:
        self._newest = _Stretch()
        self._stretches.append(self._newest)
        return self._newest

    def _drop_oldest(self) -> None:
        oldest = self._stretches.popleft()
        self._records -= oldest.records
        if not self._stretches:
            self._begin()
        for account, tail in oldest.accounts.items():
            if tail.settlements:
                self._hand_on(account, tail.settlements)

    def _hand_on(self, account: AccountId, settlements: dict[str, Sequence]) -> None:
        """An account's settlements are remembered while there is anything of it."""
        for stretch in self._stretches:
            later = stretch.accounts.get(account)
            if later is not None:
                later.settlements = settlements | later.settlements
                return
