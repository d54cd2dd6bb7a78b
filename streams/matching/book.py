"""The price-time book of one market: who waits, at which price, in which order.

Every step costs the same however many orders rest: an order is found by its id, a level by its
price, and the best level is at the end of a sorted list, where lists are cheap to change.

An order refers to its neighbours in its level's queue, so that one that leaves finds them without a
look-up: of a big book each would be three more places of cold memory. Neighbours refer to each
other, which nobody but the collector would ever free. As compiled orders are none of its business
(`acyclic`: a million of them cost its passes nothing), a book that is dropped takes their links
apart, and is freed at once; so does an order that leaves, which would else keep others that left.

Prices are in ticks, quantities in lots and amounts in units, as plain ints: a NewType is a call,
and a trade would make ten of them.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator
from typing import Final, final

from mypy_extensions import i64, mypyc_attr

from streams.messages import (
    AccountFees,
    Millis,
    OrderId,
    OrderType,
    SelfTradePrevention,
    Side,
    TimeInForce,
)

# A member of an enum takes longer to look up than to compare with.
_BUY: Final = Side.BUY

NOBODY: Final = OrderId(0)
"""No order's id."""

_LANE_BITS: Final = 13
_LANES: Final = (1 << _LANE_BITS) - 1
"""The low bits of an id: which command of a frame, from which partition (`request_id`)."""

_LANE_LENGTH: Final = 0x5825AB8C74E7
"""How far the keys of two lanes are apart: more than there are offsets (2⁴⁰), so that no two ids
have one key; so little that all keys stay below 2⁶⁰; and odd, without a pattern. Of some thousand
such numbers it is the one by which lanes of 1 to 32 partitions met least."""


def _key(order_id: i64) -> i64:
    """What an order goes by in the book's dictionary.

    A dictionary looks where the low bits of a key say. Those of ids, taken as they are, are all the
    same where a frame brings one command, and each look-up tries several places, up to twenty. With
    these keys orders that came one after the other lie side by side, which a processor's cache is
    made for: in one lane where a frame brings one command, in lanes spread over the dictionary
    where it brings more. Mixed bits would leave no look-up a place that is warm.
    """
    return (order_id >> _LANE_BITS) + (order_id & _LANES) * _LANE_LENGTH


@final
@mypyc_attr(acyclic=True)
class Order:
    """An order, resting or just being matched.

    `quantity` is what was ordered, in lots, less what self-trade prevention has taken of it, which
    is `prevented`; it is 0 where `budget` says how many quote units to trade for. `hold` is what
    was held for a MARKET order; what a limit order holds follows from its price and remaining
    quantity. `fees` are its account's, where they are not the market's. `ahead` and `behind` are
    its neighbours in its level's queue, while it rests.
    """

    __slots__ = (
        "account",
        "ahead",
        "amendments",
        "behind",
        "budget",
        "client_order_id",
        "created",
        "executed",
        "executed_quote",
        "fees",
        "hold",
        "order_id",
        "order_type",
        "prevented",
        "price",
        "quantity",
        "self_trade_prevention",
        "side",
        "time_in_force",
    )

    def __init__(
        self,
        order_id: OrderId,
        account: str,
        client_order_id: str,
        side: Side,
        order_type: OrderType,
        time_in_force: TimeInForce,
        price: int,
        quantity: int,
        budget: int,
        hold: int,
        created: Millis,
        self_trade_prevention: SelfTradePrevention,
        fees: AccountFees | None,
    ) -> None:
        self.order_id = order_id
        self.account = account
        self.client_order_id = client_order_id
        self.side = side
        self.order_type = order_type
        self.time_in_force = time_in_force
        self.price = price
        self.quantity = quantity
        self.budget = budget
        self.hold = hold
        self.created = created
        self.self_trade_prevention = self_trade_prevention
        self.fees = fees
        self.executed = 0
        self.executed_quote = 0
        self.prevented = 0
        self.amendments = 0
        self.ahead: Order | None = None
        self.behind: Order | None = None

    @property
    def remaining(self) -> int:
        """What is still to be traded, in lots; nothing for an order given by its budget."""
        return (self.quantity - self.executed) if self.quantity else (0)


@final
@mypyc_attr(acyclic=True)
class Level:
    """The orders resting at one price, as a queue, and the sum of what they would trade."""

    __slots__ = ("first", "last", "price", "quantity")

    def __init__(self, price: int, quantity: int, first: Order, last: Order) -> None:
        self.price = price
        self.quantity = quantity
        self.first = first
        self.last = last


@final
class BookSide:
    """The levels of one side, sorted so that the best is last.

    A level's *rank* is its price for bids and the negated price for asks: on either side a higher
    rank is a better price, and one piece of code serves both.
    """

    __slots__ = ("levels", "ranks", "sign")

    def __init__(self, side: Side) -> None:
        self.sign = 1 if side is _BUY else -1
        self.ranks: list[int] = []
        self.levels: dict[int, Level] = {}

    def drop_best(self) -> None:
        """Take the best level away, which has been traded empty."""
        del self.levels[self.ranks.pop()]

    def drop(self, rank: int) -> None:
        """Take a level away wherever it is."""
        del self.levels[rank]
        del self.ranks[bisect_left(self.ranks, rank)]

    def quantity_at(self, price: int) -> int:
        """What rests at a price, in lots."""
        level = self.levels.get(price * self.sign)
        return level.quantity if level is not None else (0)

    def __len__(self) -> int:
        return len(self.ranks)

    def __iter__(self) -> Iterator[Level]:
        """The levels, best first."""
        for rank in reversed(self.ranks):
            yield self.levels[rank]


@final
class Book:
    """Resting orders by price, then by time of arrival; its length is how many they are."""

    __slots__ = ("_orders", "asks", "bids")

    def __init__(self) -> None:
        self.bids = BookSide(Side.BUY)
        self.asks = BookSide(Side.SELL)
        self._orders: dict[int, Order] = {}

    def find(self, order_id: OrderId) -> Order | None:
        """The order of this id, if it rests."""
        return self._orders.get(_key(order_id))

    def side(self, side: Side) -> BookSide:
        """Where orders of a side rest."""
        return self.bids if side is _BUY else self.asks

    def opposite(self, side: Side) -> BookSide:
        """Where orders of a side find their counterparts."""
        return self.asks if side is _BUY else self.bids

    def add(self, order: Order) -> None:
        """Let an order rest, behind all others of its price."""
        side = self.bids if order.side is _BUY else self.asks
        rank = order.price * side.sign
        level = side.levels.get(rank)
        if level is None:
            insort(side.ranks, rank)
            side.levels[rank] = Level(order.price, order.quantity - order.executed, order, order)
        else:
            order.price = level.price  # one int for the whole level, not one an order
            last = level.last
            order.ahead = last
            last.behind = order
            level.last = order
            level.quantity = level.quantity + order.quantity - order.executed
        self._orders[_key(order.order_id)] = order

    def remove(self, order: Order) -> None:
        """Take a resting order out, with all that remains of it."""
        side = self.bids if order.side is _BUY else self.asks
        rank = order.price * side.sign
        del self._orders[_key(order.order_id)]
        ahead, behind = order.ahead, order.behind
        if ahead is None and behind is None:
            side.drop(rank)
            return
        order.ahead = order.behind = None
        level = side.levels[rank]
        level.quantity = level.quantity - order.quantity + order.executed
        if ahead is not None:
            ahead.behind = behind
        elif behind is not None:
            level.first = behind
        if behind is not None:
            behind.ahead = ahead
        elif ahead is not None:
            level.last = ahead

    def pop_first(self, level: Level) -> Order | None:
        """Take out the first order of a level, which has been traded away; who is first now.

        The last one stays the level's: who has traded that away drops the level.
        """
        first = level.first
        del self._orders[_key(first.order_id)]
        behind = first.behind
        if behind is not None:
            first.behind = behind.ahead = None
            level.first = behind
        return behind

    def reduce(self, order: Order, lots: int) -> None:
        """Take lots off a resting order, fewer than remain of it; it keeps its place."""
        side = self.bids if order.side is _BUY else self.asks
        level = side.levels[order.price * side.sign]
        level.quantity = level.quantity - lots
        order.quantity = order.quantity - lots

    def queue(self, level: Level) -> Iterator[Order]:
        """The orders of a level, first come first."""
        order: Order | None = level.first
        while order is not None:
            yield order
            order = order.behind

    def resting(self) -> Iterator[Order]:
        """Every order, bids then asks, best price first, first come first."""
        for side in (self.bids, self.asks):
            for level in side:
                yield from self.queue(level)

    def __len__(self) -> int:
        return len(self._orders)

    def __del__(self) -> None:
        """Let orders go of each other."""
        for order in self._orders.values():
            order.ahead = order.behind = None
