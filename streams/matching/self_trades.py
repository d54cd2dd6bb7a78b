"""Self-trade prevention: what becomes of an order that meets one of its own account.

Source: faqs/stp_faq.md of binance/binance-spot-api-docs. The taker's mode governs. Orders are
looked at one by one, in the order in which they would trade: only takers that ask for it pay.
"""

from __future__ import annotations

import msgspec

from streams.matching.book import Book, BookSide, Level, Order
from streams.messages import SelfTradePrevention

_EXPIRE_MAKER = SelfTradePrevention.EXPIRE_MAKER


class Taken(msgspec.Struct, frozen=True, gc=False):
    """How many lots of each order are not to be traded."""

    maker: int
    taker: int


def taken(taker: Order, maker: Order, lots: int) -> Taken:
    """What prevention takes of two orders that would trade so many lots."""
    # An order given by its budget has no number of lots but what its funds would pay for here.
    rest = taker.remaining if taker.quantity else lots
    match taker.self_trade_prevention:
        case SelfTradePrevention.EXPIRE_TAKER:
            return Taken(0, rest)
        case SelfTradePrevention.EXPIRE_MAKER:
            return Taken(maker.remaining, 0)
        case SelfTradePrevention.EXPIRE_BOTH:
            return Taken(maker.remaining, rest)
        case SelfTradePrevention.DECREMENT:
            both = min(maker.remaining, lots)
            return Taken(both, both)
        case SelfTradePrevention.NONE:
            return Taken(0, 0)


def ends_taker(mode: SelfTradePrevention) -> bool:
    """Whether prevention ends a taker, whatever is left of it."""
    return mode in (SelfTradePrevention.EXPIRE_TAKER, SelfTradePrevention.EXPIRE_BOTH)


def lots_of_others(book: Book, level: Level, account: str, wanted: int) -> int:
    """Of the first lots of a level, as many as are wanted, those in front of the account's own."""
    found = 0
    for order in book.queue(level):
        if found >= wanted or order.account == account:
            break
        found += order.remaining
    return min(found, wanted)


def others_can_fill(book: Book, side: BookSide, worst: int, taker: Order) -> bool:
    """Whether a taker can trade wholly, down to the rank `worst`, without its own account's orders.

    Those are in the way, unless they would expire.
    """
    lots = taker.quantity
    for rank in reversed(side.ranks):
        if rank < worst:
            return False
        for order in book.queue(side.levels[rank]):
            if order.account != taker.account:
                lots -= order.remaining
            elif taker.self_trade_prevention is not _EXPIRE_MAKER:
                return False
            if lots <= 0:
                return True
    return False
