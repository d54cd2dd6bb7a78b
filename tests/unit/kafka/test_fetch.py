"""A fetch names what has moved, as aiokafka reads it; answers are read as aiokafka writes them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.protocol.fetch import FetchRequest_v11, FetchResponse_v11

from infra.kafka.fetch import (
    ANSWER_BYTES_MAX,
    EPOCH_MAX,
    PARTITION_BYTES_MAX,
    Fetched,
    Session,
    SessionLost,
)

TRADES_0, TRADES_1 = TopicPartition("trades", 0), TopicPartition("trades", 1)
DEPTH_0 = TopicPartition("depth", 0)
LOST = 70


def asked(session: Session, positions: dict[TopicPartition, int]) -> dict[str, Any]:
    """A fetch as aiokafka reads it: (session, epoch), offsets by partition, and what is left."""
    body = session.ask(positions, 250)
    request = FetchRequest_v11.decode(body)
    assert request.encode() == body
    assert (request.replica_id, request.max_wait_time, request.min_bytes) == (-1, 250, 1)
    assert (request.max_bytes, request.isolation_level, request.rack_id) == (
        ANSWER_BYTES_MAX,
        0,
        "",
    )
    named: dict[TopicPartition, int] = {}
    for topic, partitions in request.topics:
        for partition, epoch, offset, start, most in partitions:
            assert (epoch, start, most) == (-1, -1, PARTITION_BYTES_MAX)
            named[TopicPartition(topic, partition)] = offset
    return {
        "session": (request.session_id, request.session_epoch),
        "named": named,
        "left": [TopicPartition(t, n) for t, ns in request.forgotten_topics_data for n in ns],
    }


def answer(*topics: tuple[str, Sequence[object]], session: int = 7, error: int = 0) -> bytes:
    encoded: bytes = FetchResponse_v11(0, error, session, list(topics)).encode()
    return encoded


def test_the_first_fetch_names_every_partition() -> None:
    assert asked(Session(), {TRADES_0: 5, TRADES_1: 0, DEPTH_0: 9}) == {
        "session": (0, 0),
        "named": {TRADES_0: 5, TRADES_1: 0, DEPTH_0: 9},
        "left": [],
    }


def test_later_ones_name_only_what_has_moved() -> None:
    session = Session()
    asked(session, {TRADES_0: 5, TRADES_1: 0})
    session.take(answer())
    assert asked(session, {TRADES_0: 5, TRADES_1: 3}) == {
        "session": (7, 1),
        "named": {TRADES_1: 3},
        "left": [],
    }
    session.take(answer())
    assert asked(session, {TRADES_0: 5, TRADES_1: 3}) == {
        "session": (7, 2),
        "named": {},
        "left": [],
    }


def test_a_partition_that_is_not_wanted_any_more_is_left() -> None:
    session = Session()
    asked(session, {TRADES_0: 5, DEPTH_0: 9})
    session.take(answer())
    now = asked(session, {TRADES_0: 5, TRADES_1: 1})
    assert (now["named"], now["left"]) == ({TRADES_1: 1}, [DEPTH_0])


def test_a_lost_session_is_followed_by_another_that_names_all() -> None:
    session = Session()
    asked(session, {TRADES_0: 5})
    session.take(answer())
    with pytest.raises(SessionLost, match="FetchSessionIdNotFound"):
        session.take(answer(session=0, error=LOST))
    assert asked(session, {TRADES_0: 5})["session"] == (0, 0)
    session.take(answer(session=8))
    assert asked(session, {TRADES_0: 5}) == {"session": (8, 1), "named": {}, "left": []}


def test_where_it_is_not_known_what_the_broker_heard_its_session_is_replaced() -> None:
    session = Session()
    asked(session, {TRADES_0: 5})
    session.take(answer())
    session.lose()
    assert asked(session, {TRADES_0: 5}) == {"session": (7, 0), "named": {TRADES_0: 5}, "left": []}


def test_without_a_place_for_a_session_all_is_named_each_time() -> None:
    session = Session()
    for _ in range(2):
        assert asked(session, {TRADES_0: 5}) == {
            "session": (0, 0),
            "named": {TRADES_0: 5},
            "left": [],
        }
        session.take(answer(session=0))


def test_epochs_begin_again_at_one() -> None:
    session = Session()
    asked(session, {TRADES_0: 5})
    session._epoch = EPOCH_MAX
    session.take(answer())
    assert asked(session, {TRADES_0: 5})["session"] == (7, 1)


def test_an_answer_tells_of_the_partitions_that_have_something() -> None:
    session = Session()
    session.ask({TRADES_0: 5, TRADES_1: 0, DEPTH_0: 9}, 250)
    trades = [
        (1, 0, 10, 10, 0, [(4, 2), (5, 3)], -1, b"records"),
        (0, 0, 5, 5, 0, None, -1, None),
    ]
    told = session.take(answer(("trades", trades), ("depth", [(0, 1, -1, -1, -1, [], -1, b"")])))
    assert told == [
        Fetched(TRADES_1, 0, 0, b"records"),
        Fetched(TRADES_0, 5, 0, b""),
        Fetched(DEPTH_0, 9, 1, b""),
    ]
