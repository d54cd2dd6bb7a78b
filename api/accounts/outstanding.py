"""Orders that the log has and their market has not answered: a bounded queue, for each market.

The log takes orders faster than any machine works on them. So this api lets only so many of its own
be outstanding with a partition of markets; then it takes no more for those markets until they have
caught up. One that stands still costs the others nothing.

An order whose outcome never comes (it was lost in a recovery, or set aside as poison) would stay
for ever. It goes once its market has answered one that is younger by `OVERDUE_S`: time alone says
nothing, as the market may stand still.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

from api.errors import overloaded
from streams.messages import RequestId

OUTSTANDING_MAX = 10_000
"""With one partition of markets: a second's worth at ten thousand orders a second."""

OVERDUE_S = 30.0

SWEEP_EVERY_S = 1.0
"""To look for overdue orders costs a look at each that is out; so it is not done at each answer."""


class _Order(NamedTuple):
    """Where an order is outstanding, and since when."""

    market_partition: int
    since: float


class Outstanding:
    """What is out."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._orders: dict[RequestId, _Order] = {}
        self._counts: Counter[int] = Counter()
        self._sweeps: dict[int, float] = {}

    def __len__(self) -> int:
        return len(self._orders)

    def check_room(self, market_partition: int, count: int = 1) -> None:
        """Raise -1008 where so many more would be too many."""
        if self._counts[market_partition] + count > OUTSTANDING_MAX:
            raise overloaded()

    def add(self, request: RequestId, market_partition: int) -> None:
        """An order is on its way."""
        self._orders[request] = _Order(market_partition, self._clock())
        self._counts[market_partition] += 1

    def answered(self, request: RequestId, by_market: bool) -> None:
        """A request has its outcome; the ledger's word says nothing of how far the market is."""
        order = self._orders.pop(request, None)
        if order is None:
            return
        partition, since = order
        self._counts[partition] -= 1
        if by_market and since >= self._sweeps.get(partition, 0.0):
            self._sweeps[partition] = since + SWEEP_EVERY_S
            self._forget(partition, before=since - OVERDUE_S)

    def _forget(self, partition: int, before: float) -> None:
        overdue = [
            request
            for request, order in self._orders.items()
            if order.market_partition == partition and order.since < before
        ]
        for request in overdue:
            del self._orders[request]
        self._counts[partition] -= len(overdue)
