"""Orders as they stand, how to find them by the client's own id, and which are open."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from projections.series import Series
from projections.tables import Table, Write
from streams.messages import (
    ACCOUNT_PARTITIONS_MAX,
    FRAME_COMMANDS_MAX,
    Execution,
    OrderUpdate,
    Reason,
    Update,
)

FRAMES_PER_BUCKET = 2**18
"""One bucket of an account's orders on a market spans so many frames of `commands`: some ten
megabytes of a busy account's orders, three quarters of an hour at a hundred frames a second."""

FRAMES_PER_CHUNK = 2**14
"""The ids of an account's open orders on a market share a row with those of so many frames."""

ORDERS = Series(
    Table("orders", ("account", "market", "bucket"), ("order_id",), ("event",)),
    FRAMES_PER_BUCKET * FRAME_COMMANDS_MAX * ACCOUNT_PARTITIONS_MAX,
    msgspec.json.Decoder(OrderUpdate).decode,
    lambda update: update.created,
)
CLIENT_ORDER_IDS = Table(
    "client_order_ids", ("account", "market"), ("client_order_id",), ("order_id",)
)
AMENDMENTS = Table("amendments", ("account", "market", "order_id"), ("execution_id",), ("event",))
OPEN_ORDERS = Table(
    "open_orders",
    ("account",),
    ("market", "order_id"),
    numbers_per_row=FRAMES_PER_CHUNK * FRAME_COMMANDS_MAX * ACCOUNT_PARTITIONS_MAX,
)


def rows_of_orders(event: Update, text: str) -> Iterator[Write]:
    """The order's latest state, and what leads to it.

    `open_orders` only says where to look; whether an order is open, its own row says.
    """
    if not isinstance(event, OrderUpdate):
        return
    key = (event.account, event.market)
    order = (int(event.order_id),)
    yield from ORDERS.write(key, order, event.created, text, event.seq)
    match event.execution:
        case Execution.NEW:
            yield from _by_client_order_id(event)
            yield Write(OPEN_ORDERS, key[:1], (event.market, *order), (), event.seq)
        case Execution.REPLACED:
            yield from _by_client_order_id(event)
        case Execution.REJECTED if event.reason is not Reason.DUPLICATE_ORDER_ID:
            # One refused as a duplicate must not hide the order whose id it tried to take.
            yield from _by_client_order_id(event)
        case _:
            pass
    if not event.status.is_open and event.execution is not Execution.REJECTED:
        yield Write(OPEN_ORDERS, key[:1], (event.market, *order), None, event.seq)


def rows_of_amendments(event: Update, text: str) -> Iterator[Write]:
    """What was amended: `AMENDMENTS_MAX` times an order at most."""
    if isinstance(event, OrderUpdate) and event.amendment is not None:
        key = (event.account, event.market, int(event.order_id))
        yield Write(AMENDMENTS, key, (int(event.market_seq),), (text,), event.seq)


def _by_client_order_id(event: OrderUpdate) -> Iterator[Write]:
    """An id may be used again: it leads to the newest order, which has the highest id.

    Their updates can come from a market and from a ledger, so a sequence number won't do here.
    """
    if event.client_order_id:
        yield Write(
            CLIENT_ORDER_IDS,
            (event.account, event.market),
            (event.client_order_id,),
            (event.order_id,),
            event.order_id // ACCOUNT_PARTITIONS_MAX,
        )
