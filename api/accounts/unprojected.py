"""What `updates` said that the database may not have yet, by account."""

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

TradeName = tuple[MarketId, int, OrderId]
"""A trade as one of its orders saw it: market, trade id and that order's id."""


EventName = tuple[MarketId, Sequence]
"""An event, by its market and number."""


class AccountTail:
    """One account's latest orders, trades, other events and balances, orders and balances with the
    offset that said so.
    """

    __slots__ = ("balances", "events", "orders", "settlements", "trades")

    def __init__(self) -> None:
        self.orders: dict[OrderId, tuple[Offset, OrderUpdate]] = {}
        self.trades: dict[TradeName, OrderUpdate] = {}
        self.events: dict[EventName, OrderUpdate] = {}
        """Amendments and prevented matches; a match's two updates say the same of it."""
        self.balances: dict[Asset, tuple[Offset, Balance]] = {}
        self.settlements: dict[str, Sequence] = {}
        """The last settlement announced by each market partition; balances follow it."""

    @property
    def is_empty(self) -> bool:
        return not (self.orders or self.trades or self.events or self.balances)


NOTHING = AccountTail()


class Unprojected:
    """The end of one partition of `updates`: a bounded number of records, and what they amount to.

    When there are more than `maximum`, the oldest go all the same, and `lost` says up to where:
    who needs the database as well can't have a whole answer until it has caught up with that.
    """

    def __init__(self, maximum: int) -> None:
        self._maximum = maximum
        self._records: deque[tuple[Offset, Update]] = deque()
        self._accounts: dict[AccountId, AccountTail] = {}
        self.lost = Offset(0)

    def __len__(self) -> int:
        return len(self._records)

    def account(self, account: AccountId) -> AccountTail:
        """What is here of an account; not to be changed."""
        return self._accounts.get(account, NOTHING)

    def apply(self, offset: Offset, update: Update) -> None:
        """Take the record at an offset; offsets rise."""
        match update:
            case OrderUpdate():
                tail = self._tail(update.account)
                tail.orders[update.order_id] = (offset, update)
                if update.execution is Execution.TRADE:
                    tail.trades[_trade_name(update)] = update
                if update.amendment is not None or update.prevention is not None:
                    tail.events[update.market, update.market_seq] = update
                if update.settlement:
                    tail.settlements[update.source] = update.settlement
            case RequestRejected(settlement=settlement) if settlement:
                self._tail(update.account).settlements[update.source] = settlement
                return
            case BalanceUpdate(balances=[_, *_]):
                tail = self._tail(update.account)
                for balance in update.balances:
                    tail.balances[balance.asset] = (offset, balance)
            case _:
                return
        self._records.append((offset, update))
        if len(self._records) > self._maximum:
            self.lost = Offset(self._records[0][0] + 1)
            self.forget(self.lost)

    def forget(self, before: Offset) -> None:
        """Drop what records below an offset said, where nothing later has replaced it."""
        while self._records and self._records[0][0] < before:
            self._drop(*self._records.popleft())

    def _tail(self, account: AccountId) -> AccountTail:
        tail = self._accounts.get(account)
        if tail is None:
            tail = self._accounts[account] = AccountTail()
        return tail

    def _drop(self, offset: Offset, update: Update) -> None:
        tail = self._accounts[update.account]
        match update:
            case OrderUpdate():
                if tail.orders[update.order_id][0] == offset:
                    del tail.orders[update.order_id]
                if update.execution is Execution.TRADE:
                    tail.trades.pop(_trade_name(update), None)
                tail.events.pop((update.market, update.market_seq), None)
            case BalanceUpdate():
                for balance in update.balances:
                    if tail.balances[balance.asset][0] == offset:
                        del tail.balances[balance.asset]
            case _:
                raise TypeError(f"never kept: {update}")
        if tail.is_empty:
            del self._accounts[update.account]


def _trade_name(update: OrderUpdate) -> TradeName:
    return update.market, update.trade_id, update.order_id
