"""Orders as they stand, how to find them by the client's own id, and which are open."""

from __future__ import annotations

import msgspec

from projections.series import Series
from projections.tables import Table, Write
from streams.messages import (
    ACCOUNT_PARTITIONS_MAX,
    FRAME_COMMANDS_MAX,
    Execution,
    OrderUpdate,
    Reason,
)

FRAMES_PER_BUCKET = 2**12
"""A bucket of a market's orders spans so many frames of each partition of `commands`: a few
megabytes where a frame has one order, two hundred where one has fifty."""

FRAMES_PER_CHUNK = 2**14
"""The ids of an account's open orders on a market share a row with those of so many frames."""

ORDERS = Series(
    Table("orders", ("market", "bucket"), ("account", "order_id"), ("event",), owners=1),
    FRAMES_PER_BUCKET * FRAME_COMMANDS_MAX * ACCOUNT_PARTITIONS_MAX,
    msgspec.json.Decoder(OrderUpdate).decode,
    lambda update: update.created,
)
CLIENT_ORDER_IDS = Table(
    "client_order_ids", ("account",), ("market", "client_order_id"), ("order_id",)
)
AMENDMENTS = Table("amendments", ("account", "market", "order_id"), ("execution_id",), ("event",))
OPEN_ORDERS = Table(
    "open_orders",
    ("account",),
    ("market", "order_id"),
    numbers_per_row=FRAMES_PER_CHUNK * FRAME_COMMANDS_MAX * ACCOUNT_PARTITIONS_MAX,
)


def rows_of_orders(event: OrderUpdate, text: str) -> list[Write]:
    """The order's latest state, and what leads to it.

    `open_orders` only says where to look; whether an order is open, its own row says.
    """
    owner, market = (event.account,), event.market
    order_id = int(event.order_id)
    writes = [ORDERS.write((market, *owner), (order_id,), event.created, text, event.seq)]
    match event.execution:
        case Execution.NEW:
            writes += _by_client_order_id(event)
            writes.append(Write(OPEN_ORDERS, owner, (market, order_id), (), event.seq))
        case Execution.REPLACED:
            writes += _by_client_order_id(event)
        case Execution.REJECTED if event.reason is not Reason.DUPLICATE_ORDER_ID:
            # One refused as a duplicate must not hide the order whose id it tried to take.
            writes += _by_client_order_id(event)
        case _:
            pass
    if not event.status.is_open and event.execution is not Execution.REJECTED:
        writes.append(Write(OPEN_ORDERS, owner, (market, order_id), None, event.seq))
    return writes


def rows_of_amendments(event: OrderUpdate, text: str) -> list[Write]:
    """What was amended: `AMENDMENTS_MAX` times an order at most."""
    if event.amendment is None:
        return []
    key = (event.account, event.market, int(event.order_id))
    return [Write(AMENDMENTS, key, (int(event.market_seq),), (text,), event.seq)]


def _by_client_order_id(event: OrderUpdate) -> list[Write]:
    """An id may be used again: it leads to the newest order, which has the highest id.

    Their updates can come from a market and from a ledger, so a sequence number won't do here.
    """
    if not event.client_order_id:
        return []
    return [
        Write(
            CLIENT_ORDER_IDS,
            (event.account,),
            (event.market, event.client_order_id),
            (event.order_id,),
            event.order_id // ACCOUNT_PARTITIONS_MAX,
        )
    ]
