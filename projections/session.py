"""The database, as an event loop sees it: statements out, rows back, with bounds on both."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any, Self

from cassandra import (
    ConsistencyLevel,
    CoordinationFailure,
    OperationTimedOut,
    Timeout,
    Unavailable,
    UnresolvableContactPoints,
)
from cassandra.cluster import (
    EXEC_PROFILE_DEFAULT,
    Cluster,
    ExecutionProfile,
    NoHostAvailable,
)
from cassandra.connection import ConnectionException
from cassandra.policies import (
    DCAwareRoundRobinPolicy,
    ExponentialReconnectionPolicy,
    TokenAwarePolicy,
)
from cassandra.protocol import (
    IsBootstrappingErrorMessage,
    OverloadedErrorMessage,
    ServerError,
)
from cassandra.query import tuple_factory

from infra.settings import Settings

CONNECT_LIMIT_S = 5.0
REQUEST_LIMIT_S = 10.0
IN_FLIGHT_MAX = 64
"""Statements sent and not answered; who has more waits. Each node works on some dozens at once."""

PAGE_ROWS = 1000
PROTOCOL_VERSION = 4
"""The newest that Cassandra and Scylla have in common."""

Row = tuple[Any, ...]

PASSING = (
    NoHostAvailable,
    OperationTimedOut,
    Timeout,
    Unavailable,
    CoordinationFailure,
    ConnectionException,
    UnresolvableContactPoints,
    OverloadedErrorMessage,
    IsBootstrappingErrorMessage,
    ServerError,
)
"""What the driver raises for want of a database that answers, rather than of a right statement."""


class DatabaseUnavailable(ConnectionError):
    """The database did not answer, or could not just now. A write may or may not have happened;
    all writes here may be repeated.
    """


def open_cluster(settings: Settings) -> Any:
    """The driver, set up for `settings.cql` and not connected yet; `shutdown()` ends it.

    Raises `RuntimeError` when no address is known, or the driver lacks its event loop in C.
    """
    if settings.cql is None:
        raise RuntimeError("no database: set CQL=host:port, or start one with `velocity up`")
    host, _, port = settings.cql.rpartition(":")
    profile = ExecutionProfile(
        load_balancing_policy=TokenAwarePolicy(DCAwareRoundRobinPolicy()),
        consistency_level=ConsistencyLevel.LOCAL_QUORUM,
        request_timeout=REQUEST_LIMIT_S,
        row_factory=tuple_factory,
    )
    cluster = Cluster(
        [host],
        port=int(port),
        protocol_version=PROTOCOL_VERSION,
        execution_profiles={EXEC_PROFILE_DEFAULT: profile},
        connect_timeout=CONNECT_LIMIT_S,
        control_connection_timeout=CONNECT_LIMIT_S,
        reconnection_policy=ExponentialReconnectionPolicy(0.5, 5.0),
        # A batch leaves in pieces, the last of which would wait up to 40 ms for those before it
        # to be confirmed (Nagle's algorithm, delayed acknowledgement).
        sockopts=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)],
        # Scylla tells a port that may lie behind a container's; the one we were given does not.
        shard_aware_options={"disable_shardaware_port": True},
    )
    # Without its C extension the driver falls back to loops that are slower, or experimental.
    if cluster.connection_class.__name__ != "LibevConnection":
        cluster.shutdown()
        raise RuntimeError(f"the CQL driver runs on {cluster.connection_class.__name__}, not libev")
    return cluster


class Database:
    """A session with the keyspace of a venue. Belongs to the event loop that opened it.

    Statements name their tables as `{venue}.table`.
    """

    def __init__(self, cluster: Any, session: Any, venue: str, in_flight_max: int) -> None:
        self._cluster = cluster
        self._session = session
        self._keyspace = f'"{venue}"'
        self._in_flight_max = in_flight_max
        self._in_flight = asyncio.Semaphore(in_flight_max)
        self._prepared: dict[str, Any] = {}
        self._preparing = asyncio.Lock()

    @classmethod
    async def connect(cls, settings: Settings, in_flight_max: int = IN_FLIGHT_MAX) -> Self:
        """Raises `DatabaseUnavailable`."""
        cluster = open_cluster(settings)
        try:
            session = await asyncio.to_thread(cluster.connect)
        except BaseException as error:
            await asyncio.to_thread(cluster.shutdown)
            if isinstance(error, PASSING):
                raise DatabaseUnavailable(f"{settings.cql}: {error}") from error
            raise
        return cls(cluster, session, settings.venue, in_flight_max)

    async def close(self) -> None:
        """Wait, within the time limit of a request, for what is in flight, then disconnect."""
        async with asyncio.timeout(REQUEST_LIMIT_S + 1):
            for _ in range(self._in_flight_max):
                await self._in_flight.acquire()
        await asyncio.to_thread(self._cluster.shutdown)

    async def prepare(self, cql: str) -> Any:
        """The statement, parsed by the database once for all its uses.

        Raises `DatabaseUnavailable`; `cassandra.InvalidRequest` where there is no such table.
        """
        if cql not in self._prepared:
            async with self._preparing:
                if cql not in self._prepared:
                    text = cql.replace("{venue}", self._keyspace)
                    try:
                        statement = await asyncio.to_thread(self._session.prepare, text)
                    except PASSING as error:
                        raise DatabaseUnavailable(str(error)) from error
                    self._prepared[cql] = statement
        return self._prepared[cql]

    async def execute(self, cql: str, parameters: Sequence[object] = ()) -> list[Row]:
        """Run one statement; of its rows the first page. Raises `DatabaseUnavailable`."""
        statement = await self.prepare(cql)
        return await self._page(_Pages(self._session, statement.bind(parameters)))

    async def rows(
        self, cql: str, parameters: Sequence[object] = (), page_rows: int = PAGE_ROWS
    ) -> AsyncIterator[Row]:
        """All rows of one statement, fetched page by page as they are consumed."""
        statement = (await self.prepare(cql)).bind(parameters)
        statement.fetch_size = min(page_rows, PAGE_ROWS)
        pages = _Pages(self._session, statement)
        while True:
            for row in await self._page(pages):
                yield row
            if not pages.has_more:
                return

    async def write(self, statements: Iterable[Any]) -> None:
        """Run statements side by side; return when all are done.

        Raises `DatabaseUnavailable` when any failed; others may have taken effect.
        """
        answers = []
        for statement in statements:
            await self._in_flight.acquire()
            answers.append(_Pages(self._session, statement).fetch())
            answers[-1].add_done_callback(self._answered)
        for outcome in await asyncio.gather(*answers, return_exceptions=True):
            if isinstance(outcome, BaseException):
                _raise(outcome)

    async def _page(self, pages: _Pages) -> list[Row]:
        await self._in_flight.acquire()
        answer = pages.fetch()
        answer.add_done_callback(self._answered)
        try:
            return await answer
        except PASSING as error:
            raise DatabaseUnavailable(str(error)) from error

    def _answered(self, _: asyncio.Future[list[Row]]) -> None:
        self._in_flight.release()


class _Pages:
    """A statement's pages, brought from the driver's thread to the loop that asked."""

    def __init__(self, session: Any, statement: Any) -> None:
        self._loop = asyncio.get_running_loop()
        self._session = session
        self._statement = statement
        self._response: Any = None
        self._answer: asyncio.Future[list[Row]]

    @property
    def has_more(self) -> bool:
        return self._response is not None

    def fetch(self) -> asyncio.Future[list[Row]]:
        """Ask for the next page. The driver answers in any case: it has a time limit."""
        self._answer = self._loop.create_future()
        if self._response is None:
            self._response = self._session.execute_async(self._statement)
            self._response.add_callbacks(self._arrived, self._failed)
        else:
            self._response.start_fetching_next_page()
        return self._answer

    def _arrived(self, rows: list[Row] | None) -> None:
        if not self._response.has_more_pages:
            self._let_go()
        self._loop.call_soon_threadsafe(_settle, self._answer, rows or [], None)

    def _failed(self, error: BaseException) -> None:
        self._let_go()
        self._loop.call_soon_threadsafe(_settle, self._answer, [], error)

    def _let_go(self) -> None:
        """Leave no cycle, through us or through its timer, that would keep the driver's response,
        and with it all rows of a batch, until the collector comes.
        """
        response, self._response = self._response, None
        response.clear_callbacks()
        response._timer = None


def _settle(
    answer: asyncio.Future[list[Row]], rows: list[Row], error: BaseException | None
) -> None:
    if answer.done():
        return  # who asked has been cancelled
    if error is None:
        answer.set_result(rows)
    else:
        answer.set_exception(error)


def _raise(error: BaseException) -> None:
    if isinstance(error, PASSING):
        raise DatabaseUnavailable(str(error)) from error
    raise error
