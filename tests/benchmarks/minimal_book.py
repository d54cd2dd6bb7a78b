"""The limit of `book`: as little as price-time matching can be in Python.

It trades what crosses, best price first, first come first, and lets the rest wait. It asks no
order anything, owns nothing, and tells nobody what it did. What it shares with the market machine
is only what both have to know: the same commands, and the same book after each of them.
"""

from __future__ import annotations

import sys
from bisect import bisect_left, insort
from collections import OrderedDict

from streams.messages import Cancel, OrderType, Place, Replace, Side, TimeInForce

_BUY = Side.BUY
_MARKET = OrderType.MARKET
_GTC = TimeInForce.GTC

Queue = OrderedDict[int, int]
"""Remaining lots by order id, first come first."""


class Half:
    """One side: queues by rank, which is the price or, of asks, the negated price."""

    __slots__ = ("queues", "ranks", "sign")

    def __init__(self, sign: int) -> None:
        self.sign = sign
        self.ranks: list[int] = []
        self.queues: dict[int, Queue] = {}


class MinimalBook:
    """A book for LIMIT orders, GTC or IOC, and MARKET orders given by quantity."""

    __slots__ = ("asks", "bids", "orders")

    def __init__(self) -> None:
        self.bids = Half(1)
        self.asks = Half(-1)
        self.orders: dict[int, tuple[Half, int]] = {}

    def apply(self, command: Place | Cancel | Replace) -> None:
        """Take one command."""
        if isinstance(command, Place):
            side, other = self.bids, self.asks
            if command.side is not _BUY:
                side, other = other, side
            worst = -sys.maxsize if command.order_type is _MARKET else command.price * other.sign
            left = self._match(other, worst, command.quantity)
            if left and command.time_in_force is _GTC and command.order_type is not _MARKET:
                self._rest(side, command.price * side.sign, command.order_id, left)
        elif isinstance(command, Cancel):
            self._remove(command.order_id)
        else:
            found = self._remove(command.order_id)
            if found:
                side = found[0]
                other = self.asks if side is self.bids else self.bids
                left = self._match(other, command.price * other.sign, command.quantity)
                if left:
                    self._rest(side, command.price * side.sign, command.order_id, left)

    def _rest(self, side: Half, rank: int, order_id: int, lots: int) -> None:
        queue = side.queues.get(rank)
        if queue is None:
            queue = side.queues[rank] = OrderedDict()
            insort(side.ranks, rank)
        queue[order_id] = lots
        self.orders[order_id] = side, rank

    def _remove(self, order_id: int) -> tuple[Half, int] | None:
        found = self.orders.pop(order_id, None)
        if found:
            side, rank = found
            queue = side.queues[rank]
            del queue[order_id]
            if not queue:
                del side.queues[rank]
                del side.ranks[bisect_left(side.ranks, rank)]
        return found

    def _match(self, other: Half, worst: int, lots: int) -> int:
        """Trade down to the rank `worst`; the lots that are left."""
        ranks, orders = other.ranks, self.orders
        while lots and ranks and ranks[-1] >= worst:
            queue = other.queues[ranks[-1]]
            while lots and queue:
                maker = next(iter(queue))
                resting = queue[maker]
                if resting > lots:
                    queue[maker] = resting - lots
                    return 0
                lots -= resting
                del queue[maker]
                del orders[maker]
            if not queue:
                del other.queues[ranks.pop()]
        return lots
