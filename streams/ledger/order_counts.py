"""How many orders an account has placed that nobody has filled: of late, and today.

Source: "Spot Unfilled Order Count Rules" of binance/binance-spot-api-docs. Windows are whole ten
seconds and whole days of the log's time, in UTC; an order counts once it is taken, and no longer
from its first fill on. The limits travel with each order, so what is refused follows from the log
alone; an order that has none is not counted.
"""

from __future__ import annotations

from collections.abc import Iterator

from streams.messages import (
    DAY_MS,
    TEN_SECONDS_MS,
    AccountId,
    OrderCounts,
    OrderId,
    PlaceOrder,
    Reason,
)


class UnfilledOrders:
    """The counts of one partition's accounts, in the windows that the log's time is in."""

    __slots__ = ("_day", "_short", "_today", "_window", "orders")

    def __init__(self) -> None:
        self._window = self._day = 0
        self._short: dict[AccountId, int] = {}
        self._today: dict[AccountId, int] = {}
        self.orders: set[OrderId] = set()
        """Those that were counted, are open, and have no fill yet."""

    def turn(self, now: int) -> None:
        """With a new window, its counts begin at nothing; `now` is the log's time in ms."""
        window = now // TEN_SECONDS_MS
        if window == self._window:
            return
        self._window = window
        self._short.clear()
        day = now // DAY_MS
        if day != self._day:
            self._day = day
            self._today.clear()

    def of(self, account: AccountId) -> OrderCounts:
        return OrderCounts(self._short.get(account, 0), self._today.get(account, 0))

    def refuses(self, order: PlaceOrder) -> Reason:
        """Why one more order would be too many, if it would."""
        limits = order.limits
        if limits is None:
            return Reason.NONE
        if 0 < limits.ten_seconds <= self._short.get(order.account, 0):
            return Reason.TOO_MANY_ORDERS
        if 0 < limits.day <= self._today.get(order.account, 0):
            return Reason.TOO_MANY_ORDERS_TODAY
        return Reason.NONE

    def add(self, account: AccountId, order_id: OrderId) -> OrderCounts:
        """Count an order that was taken."""
        short = self._short[account] = self._short.get(account, 0) + 1
        today = self._today[account] = self._today.get(account, 0) + 1
        self.orders.add(order_id)
        return OrderCounts(short, today)

    def filled(self, account: AccountId, order_id: OrderId) -> None:
        """An order has its first fill: it counts no more, in no window."""
        self.orders.remove(order_id)
        if self._today.get(account):
            self._today[account] -= 1
            if self._short.get(account):
                self._short[account] -= 1

    def rows(self) -> Iterator[tuple[AccountId, int, int]]:
        """Accounts with counts, by name; each order of the ten seconds is one of the day."""
        for account, today in sorted(self._today.items()):
            if today:
                yield account, self._short.get(account, 0), today

    def fill(self, account: AccountId, counts: OrderCounts) -> None:
        """Take back what `rows` gave, in the windows that were turned to."""
        self._today[account] = counts.day
        if counts.ten_seconds:
            self._short[account] = counts.ten_seconds
