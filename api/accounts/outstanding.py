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
from collections import defaultdict
from collections.abc import Callable

from api.errors import overloaded
from streams.messages import RequestId

OUTSTANDING_MAX = 10_000
"""With one partition of markets: a second's worth at ten thousand orders a second."""

OVERDUE_S = 30.0


class Outstanding:
    """What is out, in the order it went, with the moment it did."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._markets: defaultdict[int, dict[RequestId, float]] = defaultdict(dict)
        self._partitions: dict[RequestId, int] = {}

    def __len__(self) -> int:
        return len(self._partitions)

    def check_room(self, market_partition: int, count: int = 1) -> None:
        """Raise -1008 where so many more would be too many."""
        if len(self._markets[market_partition]) + count > OUTSTANDING_MAX:
            raise overloaded()

    def add(self, request: RequestId, market_partition: int) -> None:
        """An order is on its way."""
        self._markets[market_partition][request] = self._clock()
        self._partitions[request] = market_partition

    def answered(self, request: RequestId, by_market: bool) -> None:
        """A request has its outcome; the ledger's word says nothing of how far the market is."""
        partition = self._partitions.pop(request, None)
        if partition is None:
            return
        market = self._markets[partition]
        since = market.pop(request)
        if by_market:
            self._forget(market, before=since - OVERDUE_S)

    def _forget(self, market: dict[RequestId, float], before: float) -> None:
        while market:
            request = next(iter(market))
            if market[request] >= before:
                return
            del market[request]
            del self._partitions[request]
