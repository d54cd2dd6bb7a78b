"""What a market says happened: the events its `apply` returns.

An event refers to the order it is about for what does not change (whose it is, its side, its
price) and carries what does change as values of that moment. Amounts are in ticks, lots and units.
"""

from __future__ import annotations

import msgspec

from streams.matching.book import NOBODY, Order
from streams.messages import (
    Amend,
    Cancel,
    CancelReplace,
    OrderId,
    Place,
    Reason,
    Replace,
    RequestId,
)


class Accepted(msgspec.Struct, gc=False):
    """An order was taken in; `released` of its hold is more than it can ever need."""

    seq: int
    order: Order
    released: int


class Traded(msgspec.Struct, gc=False):
    """Two orders met at the maker's price; `executed` and `executed_quote` are totals since.

    Trades of one command at one price, with nothing between them, make an aggregate. Of a taker
    that does not trade with its own account's orders, `taker_prevented` is what this had taken of
    it by then, and `taker_done` whether nothing was left; of others that follows from the totals.
    """

    seq: int
    trade_id: int
    aggregate_id: int
    aggregate_last: bool
    price: int
    quantity: int
    maker: Order
    taker: Order
    maker_executed: int
    maker_executed_quote: int
    taker_executed: int
    taker_executed_quote: int
    taker_prevented: int = 0
    taker_done: bool | None = None


class Prevented(msgspec.Struct, gc=False):
    """Two orders of one account would have met. Of each so many lots are not traded, 0 for none.

    `taker_prevented` and `taker_executed` are totals since; the maker's are those it has now.
    What is `released` of their holds is what they need no more.
    """

    seq: int
    price: int
    maker: Order
    taker: Order
    maker_lots: int
    taker_lots: int
    maker_released: int
    taker_released: int
    maker_closed: bool
    taker_closed: bool
    taker_prevented: int
    taker_executed: int
    taker_executed_quote: int


class Replaced(msgspec.Struct, gc=False):
    """A resting order got a new price and quantity; the totals are those before it trades again."""

    seq: int
    order: Order
    request: RequestId
    old_price: int
    executed: int
    executed_quote: int
    released: int


class Amended(msgspec.Struct, gc=False):
    """A resting order was reduced in its place; `old_*` is what it was, `released` of its hold is
    more than it needs now.
    """

    seq: int
    order: Order
    request: RequestId
    old_client_order_id: str
    old_quantity: int
    released: int


class Cancelled(msgspec.Struct, gc=False):
    """A resting order was taken out at its owner's request.

    Where another is placed for it, that is `replaced_by`, and so much of its hold is `moved` there.
    """

    seq: int
    order: Order
    request: RequestId
    replaced_by: OrderId = NOBODY
    moved: int = 0


class Expired(msgspec.Struct, gc=False):
    """What an order left over will not be traded.

    `rest` is in lots, for an order given by its budget in quote units. `filled` says that the rest
    is only what no whole lot could be bought with.
    """

    seq: int
    order: Order
    rest: int
    filled: bool
    reason: Reason


class Rejected(msgspec.Struct, gc=False):
    """A command was refused and changed nothing; this is no event of the market and has no name.

    `held` says of an order whether something is held for it that is to be given back. Of a
    `CancelReplace` it is the cancel that was refused; `order_follows` says that its order was
    looked at all the same, and that what became of it comes next.
    """

    command: Place | Cancel | Replace | Amend | CancelReplace
    reason: Reason
    held: bool = True
    order_follows: bool = False


Outcome = Accepted | Traded | Prevented | Replaced | Amended | Cancelled | Expired | Rejected
