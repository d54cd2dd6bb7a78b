"""The database, for as long as it answers: reads within a time limit, or an honest 503."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import NoReturn, TypeVar

from api.errors import unavailable
from infra.settings import Settings
from projections.queries import DatabaseUnavailable, Queries, Window
from streams.messages import Kline, MarketId, Millis
from streams.messages.epoch import Epoch

READ_LIMIT_S = 3.0
"""Less than `projected.FORGET_AFTER_S`: see `view`."""

RETRY_MIN_S = 0.1
RETRY_MAX_S = 5.0

log = logging.getLogger(__name__)

Result = TypeVar("Result")


class Archive:
    """Connects when it can, and refuses until it has. `run` has to run for it to connect.

    An api without a database goes on taking orders of those whose keys it knows.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._queries: Queries | None = None
        self._known_epoch: asyncio.Future[Epoch] | None = None

    @property
    def ready(self) -> bool:
        """Whether it has connected; the driver sees to the connection from then on."""
        return self._queries is not None

    async def run(self) -> NoReturn:
        """Connect, trying again until it works, and disconnect when cancelled.

        Raises `RecoveryUnfinished`.
        """
        queries = await _patiently(lambda: Queries.connect(self._settings))
        try:
            self._epoch().set_result(await _patiently(queries.epoch))
            self._queries = queries
            await asyncio.Event().wait()
        finally:
            self._queries = None
            await queries.close()
        raise RuntimeError("unreachable: nobody sets that event")

    async def epoch(self) -> Epoch:
        """The venue's epoch, once the database has told: nothing else knows it."""
        return await asyncio.shield(self._epoch())

    async def read(
        self, ask: Callable[[Queries], Awaitable[Result]], limit_s: float = READ_LIMIT_S
    ) -> Result:
        """What the database answers. Raises -1001 when it doesn't, in time."""
        if self._queries is None:
            raise unavailable()
        try:
            async with asyncio.timeout(limit_s):
                return await ask(self._queries)
        except (DatabaseUnavailable, TimeoutError) as error:
            log.warning("a read was refused, the database does not answer: %r", error)
            raise unavailable() from error

    async def klines(
        self, market: MarketId, interval: str, start: Millis, end: Millis, limit: int
    ) -> list[Kline]:
        """Stored candles that open within a span, the oldest, and the last one before it."""

        async def read(window: Window) -> list[Kline]:
            return await self.read(lambda queries: queries.klines(market, interval, window))

        earlier = Window(limit=1, end=start - 1)
        within = Window(limit=limit, start=start, end=end)
        return [*await read(earlier), *await read(within)]

    def _epoch(self) -> asyncio.Future[Epoch]:
        # A future belongs to a loop, and this object may be older than its loop.
        if self._known_epoch is None:
            self._known_epoch = asyncio.get_running_loop().create_future()
        return self._known_epoch


async def _patiently(ask: Callable[[], Awaitable[Result]]) -> Result:
    """Ask until the database answers: an api goes on for as long as it may take."""
    pause_s = RETRY_MIN_S
    while True:
        try:
            return await ask()
        except DatabaseUnavailable as error:
            log.warning("no database yet: %s", error)
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, RETRY_MAX_S)
