"""A matching partition's state as chunks of MessagePack, in one canonical order, and back.

The chunks of a market are its head, then its resting orders as they would be matched: bids, then
asks, best price first, first come first. Equal books make equal chunks, however they came to be.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, assert_never

import msgspec

from streams.matching.book import Order
from streams.matching.breaker import Breaker
from streams.matching.depth import DepthFeed
from streams.matching.market import Market
from streams.matching.rules import Rules
from streams.messages import (
    NO_TERMS,
    AccountFees,
    MarketConfig,
    MarketTerms,
    Millis,
    OrderId,
    OrderType,
    SelfTradePrevention,
    Side,
    TimeInForce,
)
from streams.outputs import SnapshotMismatch

if TYPE_CHECKING:
    from streams.matching.partition import MatchingPartition

SNAPSHOT_VERSION = 1
ROWS_MAX = 1_000
"""Orders in a chunk; with names as long as they may be, a chunk stays under 300 kB."""


class Head(msgspec.Struct, frozen=True, array_like=True, tag="head"):
    """Where the state stands; the lists are by partition of accounts."""

    version: int
    partition: int
    position: int
    time: Millis
    taken: list[int]
    last_commands: list[int]
    last_updates: list[int]
    markets: int


class MarketHead(msgspec.Struct, frozen=True, array_like=True, tag="market"):
    config: MarketConfig
    seq: int
    trade_id: int
    aggregate_id: int
    orders: int


class TermsRow(msgspec.Struct, frozen=True, array_like=True, tag="terms"):
    """What else holds on the last market; one on which nothing does has no such chunk."""

    terms: MarketTerms
    reference: int
    since: int
    last: int


class OrderRow(msgspec.Struct, frozen=True, array_like=True):
    """A resting order, without its place in the queue: that is the row's own place."""

    order_id: OrderId
    account: str
    client_order_id: str
    side: Side
    order_type: OrderType
    time_in_force: TimeInForce
    price: int
    quantity: int
    created: Millis
    executed: int
    executed_quote: int


class Orders(msgspec.Struct, frozen=True, array_like=True, tag="orders"):
    """Resting orders of the last market."""

    rows: list[OrderRow]


class ExtraRow(msgspec.Struct, frozen=True, array_like=True):
    """What most orders do not have, of one that has some of it."""

    order_id: OrderId
    amendments: int
    self_trade_prevention: SelfTradePrevention = SelfTradePrevention.NONE
    prevented: int = 0
    fees: AccountFees | None = None


class Extras(msgspec.Struct, frozen=True, array_like=True, tag="extras"):
    """Of the last market's orders; a market whose orders have nothing of it has no such chunk."""

    rows: list[ExtraRow]


class DepthHead(msgspec.Struct, frozen=True, array_like=True, tag="depth"):
    """What the last market has told of its book. Ends the market."""

    last_seq: int
    diffs: int
    snapshot_at: Millis = Millis(0)


Chunk = Head | MarketHead | TermsRow | Orders | Extras | DepthHead

_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[Chunk] = msgspec.msgpack.Decoder(Chunk)


def write(state: MatchingPartition) -> Iterator[bytes]:
    """The state in chunks of bounded size: its head, then its markets sorted by name."""
    yield _encoder.encode(
        Head(
            SNAPSHOT_VERSION,
            state.partition,
            state.position,
            state.time,
            state.inbox.watermarks,
            state.outbox.last_commands,
            state.outbox.last_updates,
            len(state.markets),
        )
    )
    for name, market in sorted(state.markets.items()):
        yield from write_market(market)
        feed = state.feeds[name]
        yield _encoder.encode(DepthHead(feed.last_seq, feed.diffs, feed.snapshot_at))


def write_market(market: Market) -> Iterator[bytes]:
    """One market in chunks of bounded size."""
    book = market.book
    yield _encoder.encode(
        MarketHead(market.config, market.seq, market.trade_id, market.aggregate_id, len(book))
    )
    breaker = market.breaker
    if market.terms != NO_TERMS:
        yield _encoder.encode(
            TermsRow(market.terms, breaker.reference, breaker.since, breaker.last)
        )
    rows = (_row(order) for order in book.resting())
    while chunk := list(islice(rows, ROWS_MAX)):
        yield _encoder.encode(Orders(chunk))
    extras = (_extra(order) for order in book.resting() if _has_extras(order))
    while found := list(islice(extras, ROWS_MAX)):
        yield _encoder.encode(Extras(found))


def read(state: MatchingPartition, chunks: Iterable[bytes]) -> None:
    """Fill a new partition's state from its chunks. Raises `SnapshotMismatch`."""
    rest = map(_decode, chunks)
    head = next(rest, None)
    if not isinstance(head, Head) or head.version != SNAPSHOT_VERSION:
        raise SnapshotMismatch(f"not the head of a snapshot of version {SNAPSHOT_VERSION}: {head}")
    accounts = len(state.inbox.watermarks)
    if head.partition != state.partition or len(head.taken) != accounts:
        raise SnapshotMismatch(
            f"partition {head.partition} of a venue with {len(head.taken)} account partitions,"
            f" wanted {state.partition} with {accounts}"
        )
    state.position = head.position
    state.time = head.time
    state.inbox.watermarks = head.taken
    state.outbox.last_commands = head.last_commands
    state.outbox.last_updates = head.last_updates
    for chunk in rest:
        if not isinstance(chunk, MarketHead):
            raise SnapshotMismatch(f"no market begins with a {type(chunk).__name__}")
        market = _read_market(chunk, rest, state)
        state.markets[market.config.market] = market
    if len(state.markets) != head.markets:
        raise SnapshotMismatch(f"{len(state.markets)} of {head.markets} markets")


def _read_market(
    head: MarketHead,
    rest: Iterator[Chunk],
    state: MatchingPartition,
) -> Market:
    market = Market(head.config)
    market.seq, market.trade_id, market.aggregate_id = head.seq, head.trade_id, head.aggregate_id
    for chunk in rest:
        match chunk:
            case TermsRow(terms, reference, since, last):
                market.terms, market.breaker = terms, Breaker(reference, since, last)
                market.rules = Rules(market.config, terms)
            case Orders(rows=rows):
                for row in rows:
                    market.book.add(_order(row))
            case Extras(rows=extras):
                for extra in extras:
                    order = market.book.find(extra.order_id)
                    if order is None:
                        raise SnapshotMismatch(f"{extra.order_id} does not rest")
                    order.amendments, order.prevented = extra.amendments, extra.prevented
                    order.self_trade_prevention = extra.self_trade_prevention
                    order.fees = extra.fees
            case DepthHead(last_seq=last_seq, diffs=diffs, snapshot_at=snapshot_at):
                if len(market.book) != head.orders:
                    raise SnapshotMismatch(f"{head.config.market} lacks orders")
                feed = DepthFeed(market)
                feed.last_seq, feed.diffs = last_seq, diffs
                feed.snapshot_at = snapshot_at
                state.feeds[head.config.market] = feed
                return market
            case Head() | MarketHead():
                raise SnapshotMismatch(f"{head.config.market} ends with a {type(chunk).__name__}")
            case _:
                assert_never(chunk)
    raise SnapshotMismatch(f"{head.config.market} has no end")


def _decode(chunk: bytes) -> Chunk:
    try:
        return _decoder.decode(chunk)
    except msgspec.DecodeError as error:
        raise SnapshotMismatch(f"no chunk of a snapshot: {error}") from error


def _row(order: Order) -> OrderRow:
    return OrderRow(
        order.order_id,
        order.account,
        order.client_order_id,
        order.side,
        order.order_type,
        order.time_in_force,
        order.price,
        order.quantity,
        order.created,
        order.executed,
        order.executed_quote,
    )


def _extra(order: Order) -> ExtraRow:
    return ExtraRow(
        order.order_id, order.amendments, order.self_trade_prevention, order.prevented, order.fees
    )


def _has_extras(order: Order) -> bool:
    mode = order.self_trade_prevention
    special = mode is not SelfTradePrevention.NONE or order.fees is not None
    return special or bool(order.amendments or order.prevented)


def _order(row: OrderRow) -> Order:
    order = Order(
        row.order_id,
        row.account,
        row.client_order_id,
        row.side,
        row.order_type,
        row.time_in_force,
        row.price,
        row.quantity,
        budget=0,
        hold=0,
        created=row.created,
        self_trade_prevention=SelfTradePrevention.NONE,
        fees=None,
    )
    order.executed = row.executed
    order.executed_quote = row.executed_quote
    return order
