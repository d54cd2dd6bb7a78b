"""What is compared of a replayed machine, as it was at one position."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from infra.verify.checks import Difference
from streams.ledger import LedgerCorrupt, LedgerPartition
from streams.matching import Market, MatchingPartition
from streams.matching.book import BookSide
from streams.matching.settlement import unspent
from streams.messages import (
    AccountId,
    Asset,
    Balance,
    MarketId,
    OrderId,
    format_plain,
    format_units,
)

Level = tuple[str, str]


class Funds(NamedTuple):
    """All that a ledger has of one asset; the four sum to zero. In units."""

    customers: int
    external: int
    fees: int
    clearing: int


class OpenOrder(NamedTuple):
    """An order that a ledger holds funds for."""

    account: AccountId
    market: MarketId
    market_partition: int
    asset: Asset
    held: int


class RestingOrder(NamedTuple):
    """An order in a book, and what must be held for it. In units."""

    account: str
    market: MarketId
    price: int
    quantity: int
    executed: int
    executed_quote: int
    hold: int


@dataclass(frozen=True, slots=True)
class LedgerView:
    """A ledger at one position; `taken` is the last settlement it took, by market partition."""

    partition: int
    last_update: int
    taken: list[int]
    funds: Mapping[Asset, Funds]
    purses: Mapping[tuple[AccountId, Asset], Balance]
    orders: Mapping[OrderId, OpenOrder]


@dataclass(frozen=True, slots=True)
class BookLevels:
    """A market's book as its last depth record must leave it, best first."""

    seq: int
    bids: list[Level]
    asks: list[Level]


@dataclass(frozen=True, slots=True)
class BooksView:
    """The books of one partition at one position.

    By account partition, `sent` is the last settlement sent and `said` the last update.
    """

    partition: int
    sent: list[int]
    said: list[int]
    orders: Mapping[OrderId, RestingOrder]
    levels: Mapping[MarketId, BookLevels]


def view_of_ledger(state: LedgerPartition) -> LedgerView:
    """Raises `Difference` where the ledger breaks a law of its own: each asset sums to zero, and
    each account's held amount is that of its open orders.
    """
    ledger = state.ledger
    try:
        ledger.check()
    except LedgerCorrupt as error:
        raise Difference(f"ledger/{state.partition}: {error}") from error
    purses: dict[tuple[AccountId, Asset], Balance] = {}
    orders: dict[OrderId, OpenOrder] = {}
    customers: dict[Asset, int] = {}
    for name, account in ledger.accounts.items():
        for asset, purse in account.purses.items():
            purses[name, asset] = balance = purse.balance
            customers[asset] = customers.get(asset, 0) + balance.available + balance.held
        for order_id, order in account.orders.items():
            orders[order_id] = OpenOrder(
                name, order.market, order.market_partition, order.purse.asset, order.held
            )
    funds = {
        asset: Funds(
            customers.get(asset, 0),
            system.external.units,
            system.fees.units,
            system.clearing.units,
        )
        for asset, system in ledger.system.items()
    }
    return LedgerView(
        state.partition,
        state.outbox.last_update,
        list(state.inbox.watermarks),
        funds,
        purses,
        orders,
    )


def view_of_books(state: MatchingPartition) -> BooksView:
    """Raises `Difference` where a book is crossed."""
    orders: dict[OrderId, RestingOrder] = {}
    levels: dict[MarketId, BookLevels] = {}
    for name, market in state.markets.items():
        _check_not_crossed(market)
        config, book = market.config, market.book
        for order in book.resting():
            orders[order.order_id] = RestingOrder(
                order.account,
                name,
                order.price * config.tick,
                (order.quantity + order.prevented) * config.lot,
                order.executed * config.lot,
                order.executed_quote,
                unspent(config, order),
            )
        seq = state.feeds[name].last_seq
        levels[name] = BookLevels(seq, _levels(market, book.bids), _levels(market, book.asks))
    outbox = state.outbox
    return BooksView(
        state.partition, list(outbox.last_commands), list(outbox.last_updates), orders, levels
    )


def resting(books: Iterable[BooksView]) -> dict[OrderId, RestingOrder]:
    """The orders of all books."""
    return {order_id: order for view in books for order_id, order in view.orders.items()}


def _check_not_crossed(market: Market) -> None:
    bid = next(iter(market.book.bids), None)
    ask = next(iter(market.book.asks), None)
    if bid is not None and ask is not None and bid.price >= ask.price:
        tick = market.config.tick
        raise Difference(
            f"{market.config.market}: a bid at {format_plain(bid.price * tick)}"
            f" and an ask at {format_plain(ask.price * tick)}"
        )


def _levels(market: Market, side: BookSide) -> list[Level]:
    config = market.config
    return [
        (format_units(level.price * config.tick), format_units(level.quantity * config.lot))
        for level in side
    ]
