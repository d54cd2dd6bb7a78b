"""What the doors ask the database. Every read raises `DatabaseUnavailable` when it is away.

The database has what `updates` said up to the committed offsets of `updates_group`, and possibly
some of what followed. Lists are in the order in which things happened.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Self

import msgspec

from infra.settings import Settings
from projections import klines as candles
from projections.archive import COMMAND_LOG, ORDER_LOG
from projections.audit import AUDIT
from projections.epoch import epoch_of
from projections.feeds import updates_group
from projections.identity import Identities
from projections.markets import EVERYTHING
from projections.orders import ORDERS
from projections.series import Window
from projections.session import Database, DatabaseUnavailable
from projections.trades import FILLS, PREVENTED_MATCHES, TRADES
from streams import topics
from streams.messages import (
    AccountId,
    Asset,
    Balance,
    Kline,
    Market,
    MarketId,
    Millis,
    OrderId,
    OrderStatus,
    OrderUpdate,
    Ticker,
    Trade,
    Units,
)
from streams.messages.audit import AuditEntry
from streams.messages.epoch import Epoch
from streams.topics import Topic

__all__ = ["Account", "DatabaseUnavailable", "Queries", "Window", "updates_group"]

ARCHIVES = {topics.COMMANDS: COMMAND_LOG, topics.ORDERS: ORDER_LOG}

_order_updates = msgspec.json.Decoder(OrderUpdate)
_tickers = msgspec.json.Decoder(Ticker)
_markets = msgspec.json.Decoder(Market)


class Account(msgspec.Struct, frozen=True):
    """An account by the name its owner gave it."""

    name: str
    account: AccountId
    created: Millis


class Queries:
    """Typed reads, and the few writes that belong to the api: accounts here, who may come in as
    `identities`. `close` it at the end.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self.identities = Identities(database)

    @classmethod
    async def connect(cls, settings: Settings) -> Self:
        """Raises `DatabaseUnavailable`."""
        return cls(await Database.connect(settings))

    async def close(self) -> None:
        await self._database.close()

    async def epoch(self) -> Epoch:
        """The venue's epoch. Raises `RecoveryUnfinished` too."""
        return await epoch_of(self._database)

    async def archive_end(self, topic: Topic, partition: int) -> int:
        """The offset after the newest record archived of `commands` or `orders`; 0 for none."""
        return await ARCHIVES[topic].end(self._database, partition)

    # -- an account's orders and trades ----------------------------------------------------------

    async def order(
        self, account: AccountId, market: MarketId, order_id: OrderId
    ) -> OrderUpdate | None:
        """The order's latest state; None where the account has no such order there."""
        return await ORDERS.one(self._database, (market, account), order_id)

    async def order_by_client_id(
        self, account: AccountId, market: MarketId, client_order_id: str
    ) -> OrderUpdate | None:
        """The latest state of the newest order that was placed under the client's id."""
        rows = await self._database.execute(
            "SELECT order_id FROM {venue}.client_order_ids"
            " WHERE account = ? AND market = ? AND client_order_id = ?",
            (account, market, client_order_id),
        )
        return await self.order(account, market, OrderId(rows[0][0])) if rows else None

    async def open_orders(
        self, account: AccountId, market: MarketId | None = None
    ) -> list[OrderUpdate]:
        """The account's open orders, market by market, or those of one market."""
        cql = "SELECT market, order_ids FROM {venue}.open_orders WHERE account = ?"
        parameters: tuple[str, ...] = (account,)
        if market is not None:
            cql, parameters = f"{cql} AND market = ?", (account, market)
        found: list[OrderUpdate] = []
        async for name, order_ids in self._database.rows(cql, parameters):
            found += await ORDERS.some(self._database, (name, account), order_ids)
        return [order for order in found if order.status.is_open]

    async def all_orders(
        self, account: AccountId, market: MarketId, window: Window
    ) -> list[OrderUpdate]:
        """Orders, open and closed, by id and time of creation.

        Without those that were rejected, which never came to be.
        """
        return await ORDERS.read(self._database, (market, account), window, _was_accepted)

    async def account_trades(
        self,
        account: AccountId,
        market: MarketId,
        window: Window,
        order_id: OrderId | None = None,
    ) -> list[OrderUpdate]:
        """The account's trades, by trade id, each as the update that told its order of it."""
        key = (market, account)
        if order_id is None:
            return await FILLS.read(self._database, key, window)
        order = await self.order(account, market, order_id)
        if order is None:
            return []
        # All of an order's trades lie between its creation and its latest update.
        window = window.within(order.created, order.at)
        return await FILLS.read(self._database, key, window, _of_order(order_id))

    async def amendments(
        self, account: AccountId, market: MarketId, order_id: OrderId
    ) -> list[OrderUpdate]:
        """What of an order was amended, in order; at most `AMENDMENTS_MAX` times."""
        rows = await self._database.execute(
            "SELECT event FROM {venue}.amendments"
            " WHERE account = ? AND market = ? AND order_id = ?",
            (account, market, order_id),
        )
        return [_order_updates.decode(event) for (event,) in rows]

    async def prevented_matches(
        self,
        account: AccountId,
        market: MarketId,
        window: Window,
        order_id: OrderId | None = None,
    ) -> list[OrderUpdate]:
        """The account's prevented matches, by id, each as an update of one of its orders."""
        key = (market, account)
        if order_id is None:
            return await PREVENTED_MATCHES.read(self._database, key, window)
        order = await self.order(account, market, order_id)
        if order is None:
            return []
        window = window.within(order.created, order.at)
        return await PREVENTED_MATCHES.read(self._database, key, window, _prevented_of(order_id))

    async def balances(self, account: AccountId) -> list[Balance]:
        """What the account has, by asset."""
        rows = await self._database.execute(
            "SELECT asset, available, held FROM {venue}.balances WHERE account = ?", (account,)
        )
        return [Balance(Asset(a), Units(free), Units(held)) for a, free, held in rows]

    async def totals(self) -> dict[str, int]:
        """What all accounts together have, held or not. Reads the whole table: for audits."""
        totals: dict[str, int] = {}
        rows = self._database.rows("SELECT asset, available, held FROM {venue}.balances")
        async for asset, available, held in rows:
            totals[asset] = totals.get(asset, 0) + available + held
        return totals

    # -- markets ---------------------------------------------------------------------------------

    async def trades(self, market: MarketId, window: Window) -> list[Trade]:
        """A market's trades, by trade id."""
        return await TRADES.read(self._database, (market,), window)

    async def klines(self, market: MarketId, interval: str, window: Window) -> list[Kline]:
        """Candles by the time they open. Raises `ValueError` for what is no interval."""
        # That time is also their number, so bounds on it need no search.
        window = Window(limit=window.limit, first=window.start, last=window.end)
        return await candles.series(interval).read(self._database, (market, interval), window)

    async def tickers(self) -> list[Ticker]:
        """The last 24 hours of every market."""
        rows = self._database.rows(
            "SELECT event FROM {venue}.tickers WHERE shelf = ?", (EVERYTHING,)
        )
        return [_tickers.decode(event) async for (event,) in rows]

    async def markets(self) -> list[Market]:
        """The configuration of every market."""
        rows = self._database.rows(
            "SELECT event FROM {venue}.markets WHERE shelf = ?", (EVERYTHING,)
        )
        return [_markets.decode(event) async for (event,) in rows]

    # -- who may come in -------------------------------------------------------------------------

    async def account(self, name: str) -> Account | None:
        """The account of this name."""
        rows = await self._database.execute(
            "SELECT name, account, created FROM {venue}.accounts WHERE name = ?", (name,)
        )
        return Account(*rows[0]) if rows else None

    async def accounts(self) -> list[Account]:
        """All accounts, by name. Reads the whole table: for administrators."""
        rows = self._database.rows("SELECT name, account, created FROM {venue}.accounts")
        return sorted([Account(*row) async for row in rows], key=lambda account: account.name)

    async def put_account(self, account: Account) -> None:
        await self._database.execute(
            "INSERT INTO {venue}.accounts (name, account, created) VALUES (?, ?, ?)",
            (account.name, account.account, account.created),
        )

    async def audit(self, account: AccountId, window: Window) -> list[AuditEntry]:
        """The audit's entries about an account, those of all for `VENUE`, by sequence."""
        return await AUDIT.read(self._database, (account,), window)


def _was_accepted(order: OrderUpdate) -> bool:
    return order.status is not OrderStatus.REJECTED


def _of_order(order_id: OrderId) -> Callable[[OrderUpdate], bool]:
    return lambda fill: fill.order_id == order_id


def _prevented_of(order_id: OrderId) -> Callable[[OrderUpdate], bool]:
    def keep(update: OrderUpdate) -> bool:
        match = update.prevention
        return match is not None and order_id in (match.maker_order_id, match.taker_order_id)

    return keep
