"""What a statement leaves behind once the database has answered it."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from cassandra import OperationTimedOut
from cassandra.cluster import ResponseFuture
from cassandra.connection import Timer
from cassandra.query import SimpleStatement

from projections.session import Database, DatabaseUnavailable

LIMIT_S = 10.0


class Session:
    """Answers with the driver's own responses, without a connection."""

    def __init__(self, error: Exception | None = None) -> None:
        balancing = SimpleNamespace(make_query_plan=lambda *_: iter(()))
        self.cluster = SimpleNamespace(
            _default_load_balancing_policy=balancing,
            connection_class=SimpleNamespace(create_timer=Timer),
        )
        self.row_factory = None
        self.keyspace = "venue"
        self.responses: list[weakref.ref[Any]] = []
        self._error = error

    def execute_async(self, statement: SimpleStatement) -> ResponseFuture:
        response = ResponseFuture(self, message=None, query=statement, timeout=LIMIT_S)
        self.responses.append(weakref.ref(response))
        if self._error is None:
            asyncio.get_running_loop().call_soon(response._set_final_result, None)
        else:
            asyncio.get_running_loop().call_soon(response._set_final_exception, self._error)
        return response


@pytest.fixture
def no_collector() -> Iterator[None]:
    gc.disable()
    yield
    gc.enable()


async def test_statements_are_gone_without_the_collector(no_collector: None) -> None:
    session = Session()
    database = Database(None, session, "venue", in_flight_max=2)
    await database.write(SimpleStatement("INSERT") for _ in range(5))
    assert [response() for response in session.responses] == [None] * 5


async def test_statements_that_failed_are_gone_too(no_collector: None) -> None:
    session = Session(OperationTimedOut())
    database = Database(None, session, "venue", in_flight_max=2)
    with pytest.raises(DatabaseUnavailable):
        await database.write([SimpleStatement("INSERT")])
    assert [response() for response in session.responses] == [None]
