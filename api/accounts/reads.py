"""Reads of the past and the present as one: the database, merged with what the log said since.

The order of the steps is what makes them right; see `view` for the reason:
wait for what the account was told, read the database, look at the view.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from api.accounts.archive import Archive
from api.accounts.view import AccountView
from projections.queries import Window
from streams.messages import (
    AccountId,
    Balance,
    Kline,
    MarketId,
    Millis,
    OrderId,
    OrderStatus,
    OrderUpdate,
    Reason,
    Trade,
)

Row = TypeVar("Row")


def holds(window: Window, number: int, at: Millis) -> bool:
    """Whether a window asks for a row of this id and time."""
    return (window.first is None or number >= window.first) and window.holds(at)


def cut(window: Window, rows: list[Row]) -> list[Row]:
    """Of rows in order, those that the window's limit leaves."""
    return rows[: window.limit] if window.from_oldest else rows[-window.limit :]


class Reads:
    """What accounts and markets have been, up to now."""

    def __init__(self, archive: Archive, view: AccountView) -> None:
        self.archive = archive
        self._view = view

    async def order(
        self,
        account: AccountId,
        market: MarketId,
        order_id: int | None,
        client_order_id: str | None,
    ) -> OrderUpdate | None:
        """The order of this id, or the newest under the client's id; where both are given, both
        must be right.
        """
        await self._view.wait_orders(account)
        if order_id is None:
            return await self._by_client_id(account, market, client_order_id or "")
        found = await self._by_id(account, market, OrderId(order_id))
        if found is None or client_order_id not in (None, found.client_order_id):
            return None
        return found

    async def _by_id(
        self, account: AccountId, market: MarketId, order_id: OrderId
    ) -> OrderUpdate | None:
        known = self._view.tail(account).orders.get(order_id)
        if known is not None:
            return known if known.market == market else None
        return await self.archive.read(lambda queries: queries.order(account, market, order_id))

    async def _by_client_id(
        self, account: AccountId, market: MarketId, client_order_id: str
    ) -> OrderUpdate | None:
        """The newest; an order refused as a duplicate does not hide the one it repeated."""
        recent = [
            update
            for update in self._view.tail(account).orders.values()
            if update.client_order_id == client_order_id
            and update.market == market
            and update.reason is not Reason.DUPLICATE_ORDER_ID
        ]
        if recent:
            return max(recent, key=_order_id)
        stored = await self.archive.read(
            lambda queries: queries.order_by_client_id(account, market, client_order_id)
        )
        # One that was amended since goes by another name.
        renamed = stored is not None and stored.client_order_id != client_order_id
        return None if renamed else stored

    async def open_orders(self, account: AccountId, market: MarketId | None) -> list[OrderUpdate]:
        """Open orders of one market or of all, in the order they were placed."""
        await self._view.wait_orders(account)
        stored = await self.archive.read(lambda queries: queries.open_orders(account, market))
        return self._merged(
            account,
            stored,
            lambda update: update.status.is_open and market in (None, update.market),
        )

    async def all_orders(
        self, account: AccountId, market: MarketId, window: Window
    ) -> list[OrderUpdate]:
        """Orders of a market, open or not, by id; rejected ones never came to be."""
        await self._view.wait_orders(account)
        stored = await self.archive.read(
            lambda queries: queries.all_orders(account, market, window)
        )
        return cut(
            window,
            self._merged(
                account,
                stored,
                lambda update: (
                    update.market == market
                    and update.status is not OrderStatus.REJECTED
                    and holds(window, update.order_id, update.created)
                ),
            ),
        )

    def _merged(
        self,
        account: AccountId,
        stored: Iterable[OrderUpdate],
        asked: Callable[[OrderUpdate], bool],
    ) -> list[OrderUpdate]:
        orders = {update.order_id: update for update in stored}
        orders.update(self._view.tail(account).orders)
        return sorted((update for update in orders.values() if asked(update)), key=_order_id)

    async def trades(
        self, account: AccountId, market: MarketId, window: Window, order_id: int | None
    ) -> list[OrderUpdate]:
        """An account's trades on a market, of one order where one is named, by trade id."""
        await self._view.wait_orders(account)
        stored = await self.archive.read(
            lambda queries: queries.account_trades(
                account, market, window, None if order_id is None else OrderId(order_id)
            )
        )
        trades = {(update.trade_id, update.order_id): update for update in stored}
        for update in self._view.tail(account).trades.values():
            if (
                update.market == market
                and order_id in (None, update.order_id)
                and holds(window, update.trade_id, update.at)
            ):
                trades[update.trade_id, update.order_id] = update
        return cut(window, [trades[name] for name in sorted(trades)])

    async def amendments(
        self, account: AccountId, market: MarketId, order_id: OrderId
    ) -> list[OrderUpdate]:
        """An order's amendments, in the order they were made."""
        await self._view.wait_orders(account)
        stored = await self.archive.read(
            lambda queries: queries.amendments(account, market, order_id)
        )
        found = {update.market_seq: update for update in stored}
        for update in self._view.tail(account).events.values():
            named = (update.market, update.order_id)
            if update.amendment is not None and named == (market, order_id):
                found[update.market_seq] = update
        return [found[seq] for seq in sorted(found)]

    async def prevented_matches(
        self, account: AccountId, market: MarketId, window: Window, order_id: OrderId | None
    ) -> list[OrderUpdate]:
        """An account's prevented matches on a market, of one order where one is named, by id."""
        await self._view.wait_orders(account)
        stored = await self.archive.read(
            lambda queries: queries.prevented_matches(account, market, window, order_id)
        )
        found = {update.market_seq: update for update in stored}
        for update in self._view.tail(account).events.values():
            match = update.prevention
            if (
                match is not None
                and update.market == market
                and order_id in (None, match.maker_order_id, match.taker_order_id)
                and holds(window, update.market_seq, update.at)
                and (window.last is None or update.market_seq <= window.last)
            ):
                found[update.market_seq] = update
        return cut(window, [found[seq] for seq in sorted(found)])

    async def balances(self, account: AccountId) -> list[Balance]:
        """What an account has, by asset, settlements included that are known to be under way."""
        await self._view.wait_balances(account)
        stored = await self.archive.read(lambda queries: queries.balances(account))
        balances = {balance.asset: balance for balance in stored}
        balances.update(self._view.tail(account).balances)
        return [balances[asset] for asset in sorted(balances)]

    async def market_trades(self, market: MarketId, window: Window) -> list[Trade]:
        """A market's trades as far as the database has them, by trade id."""
        return await self.archive.read(lambda queries: queries.trades(market, window))

    async def klines(
        self, market: MarketId, interval: str, start: Millis, end: Millis, limit: int
    ) -> list[Kline]:
        """As `Archive.klines`."""
        return await self.archive.klines(market, interval, start, end, limit)


def _order_id(update: OrderUpdate) -> OrderId:
    return update.order_id
