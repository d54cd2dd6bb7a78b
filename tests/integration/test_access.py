"""A broker that asks who its clients are: the exchange works, and readers may read, no more.

The broker is one of the local stack's own, with authentication on; the database is the session's.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    GroupAuthorizationFailedError,
    KafkaError,
    NoError,
    TopicAuthorizationFailedError,
    for_code,
)
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.protocol.produce import ProduceRequest
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from pydantic import SecretStr

from infra import access
from infra.access import ReaderError
from infra.bring_up import bring_up, take_down
from infra.installation import SERVICES_USER, Installation
from infra.local import Login
from infra.local.kafka import Kafka
from infra.processes import Records
from infra.settings import Settings
from streams.topics import DEAD_LETTERS, TOPICS, TRADES, Topic
from tests.integration.consumers import BUILDERS, Program, running
from tests.integration.doors import wait
from tests.integration.rest import Administrator

LIMIT_S = 30
POLL_MS = 1_000
MAX_BYTES = 1024 * 1024
BYTES_PER_SECOND = 35.0
"""One trade in the ten seconds over which a broker looks is more, and a wait of a few seconds."""
PRIVATE = [topic for topic in TOPICS if not topic.public]


@pytest.fixture(scope="module")
def installation(make_settings: Callable[..., Settings]) -> Iterator[Installation]:
    settings = make_settings(kafka=None, kafka_auth=True, market_partitions=2)
    yield bring_up(settings, lambda name, state, address: None)
    for _ in take_down(settings):
        pass


@pytest.fixture(scope="module")
def traded(installation: Installation, http: httpx.Client) -> dict[str, Any]:
    """A trade, as REST told its taker of it: the exchange works on such a broker."""
    admin = Administrator(installation, http)
    admin.create_market()
    maker, taker = admin.open_account(), admin.open_account()
    maker.limit("SELL", "0.5", "100")
    order: dict[str, Any] = taker.limit("BUY", "0.5", "100", newOrderRespType="FULL")
    assert order["status"] == "FILLED"
    return order


def as_user(settings: Settings, name: str, password: str) -> Settings:
    return settings.model_copy(update={"kafka_user": name, "kafka_password": SecretStr(password)})


@pytest.fixture(scope="module")
def reader(installation: Installation, traded: dict[str, Any]) -> Settings:
    settings = installation.settings
    return as_user(settings, "risk", asyncio.run(access.grant(settings, "risk")))


async def read_one(settings: Settings, topic: Topic, group: str | None = None) -> Any:
    """A topic's first record, as a client reads it. Raises what the broker answers."""
    name = topic.name(settings.venue)
    consumer = AIOKafkaConsumer(
        name, **settings.kafka_client, group_id=group, auto_offset_reset="earliest"
    )
    async with asyncio.timeout(LIMIT_S):
        try:
            await consumer.start()
            return await consumer.getone()
        finally:
            await consumer.stop()


async def ask(settings: Settings, request: Any) -> Any:
    """The broker's own answer. Clients don't ask for topics that they may not see."""
    admin = AIOKafkaAdminClient(**settings.kafka_client)
    try:
        await admin.start()
        return await admin._send_request(request)
    finally:
        await admin.close()


async def fetch(settings: Settings, topic: Topic) -> tuple[type[Exception], bytes]:
    """What the broker answers to who asks for a topic's records, and the records."""
    place = (topic.name(settings.venue), [(0, 0, MAX_BYTES)])
    answer = await ask(settings, FetchRequest(POLL_MS, 0, MAX_BYTES, 0, [place]))
    ((_, (partition,)),) = answer.topics
    _, code, *_, records = partition
    return for_code(code), records or b""


async def append(settings: Settings, topic: Topic) -> type[Exception]:
    """What the broker answers to who appends a record."""
    builder = DefaultRecordBatchBuilder(2, 0, 0, -1, -1, -1, MAX_BYTES)
    builder.append(0, 0, b"BTCUSDT", b"forged", [])
    place = (topic.name(settings.venue), [(0, bytes(builder.build()))])
    answer = await ask(settings, ProduceRequest(None, -1, POLL_MS, [place]))
    ((_, ((_, code, *_),)),) = answer.topics
    error: type[Exception] = for_code(code)
    return error


async def test_a_reader_reads_trades_with_a_group_of_its_own_and_without_one(
    reader: Settings, traded: dict[str, Any]
) -> None:
    for group in (None, "risk.positions"):
        record = await read_one(reader, TRADES, group)
        assert f'"taker_order_id":{traded["orderId"]}'.encode() in record.value


async def test_a_reader_has_no_group_of_others(reader: Settings) -> None:
    with pytest.raises(GroupAuthorizationFailedError):
        await read_one(reader, TRADES, f"{reader.venue}.projections")


@pytest.mark.parametrize("topic", PRIVATE, ids=lambda topic: topic.short)
async def test_a_reader_reads_no_private_topic(
    reader: Settings, installation: Installation, topic: Topic
) -> None:
    assert await fetch(reader, topic) == (TopicAuthorizationFailedError, b"")
    assert (await fetch(installation.settings, topic))[0] is NoError


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.short)
async def test_a_reader_writes_nothing(reader: Settings, topic: Topic) -> None:
    assert await append(reader, topic) is TopicAuthorizationFailedError


async def test_what_is_appended_there_would_be_a_record(installation: Installation) -> None:
    assert await append(installation.settings, DEAD_LETTERS) is NoError


async def test_a_reader_makes_no_topics_and_lets_nobody_in(reader: Settings) -> None:
    admin = AIOKafkaAdminClient(**reader.kafka_client)
    await admin.start()
    try:
        made = await admin.create_topics([NewTopic("mine", 1, 1)])
        errors = {for_code(code) for _, code, *_ in made.topic_errors}
        assert errors <= {ClusterAuthorizationFailedError, TopicAuthorizationFailedError}
        assert errors
    finally:
        await admin.close()
    with pytest.raises(ReaderError, match="Authorization"):
        await access.grant(reader, "friend")


@pytest.mark.parametrize(
    "stranger",
    [
        {"kafka_password": SecretStr("wrong")},
        {"kafka_user": "nobody"},
        {"kafka_user": "", "kafka_password": None},
        {"kafka_ca": None},
    ],
    ids=["wrong password", "unknown user", "no user", "not encrypted"],
)
async def test_nobody_else_gets_in(reader: Settings, stranger: dict[str, object]) -> None:
    consumer = AIOKafkaConsumer(**reader.model_copy(update=stranger).kafka_client)
    with pytest.raises(KafkaError):
        async with asyncio.timeout(LIMIT_S):
            await consumer.start()
    await consumer.stop()


async def test_who_is_revoked_reads_no_more(
    installation: Installation, traded: dict[str, Any]
) -> None:
    settings = installation.settings
    left = as_user(settings, "left", await access.grant(settings, "left"))
    assert await read_one(left, TRADES)
    await access.revoke(settings, "left")
    with pytest.raises(KafkaError):
        await read_one(left, TRADES)
    await access.revoke(settings, "left")  # saying it again is no error


async def test_names_that_no_reader_can_have(installation: Installation) -> None:
    for name in ("velocity", "", "User:x", "a b", "*"):
        with pytest.raises(ReaderError):
            await access.grant(installation.settings, name)


@pytest.mark.timeout(400)
@pytest.mark.parametrize("language", BUILDERS)
def test_the_quick_starts_log_in(
    reader: Settings, traded: dict[str, Any], language: str, tmp_path: Path
) -> None:
    login = {
        "KAFKA_USER": reader.kafka_user,
        "KAFKA_PASSWORD": secret_of(reader),
        "KAFKA_CA": str(reader.kafka_ca),
    }
    command = [*BUILDERS[language](tmp_path, reader), "BTCUSDT"]
    with running(command, tmp_path, language, reader, **login) as program:
        wait(partial(_has_trades, program), LIMIT_S)
        assert program.lines("trade") == [["trade", "BTCUSDT", "1", "100.00000000", "0.50000000"]]


def _has_trades(program: Program) -> bool:
    return bool(program.lines("trade"))


def test_no_file_of_the_home_shows_others_the_password(installation: Installation) -> None:
    password = secret_of(installation.settings).encode()
    shown = [
        file
        for file in installation.settings.home.rglob("*")
        if file.is_file() and file.stat().st_mode & 0o077 and password in file.read_bytes()
    ]
    assert shown == []


async def test_a_reader_over_its_quota_is_slowed_down(
    installation: Installation, traded: dict[str, Any]
) -> None:
    settings = installation.settings
    quota = access.Quota(consumer_byte_rate=BYTES_PER_SECOND)
    slow = as_user(settings, "slow", await access.grant(settings, "slow", quota))
    place = (TRADES.name(settings.venue), [(0, 0, MAX_BYTES)])
    told = await ask(slow, FetchRequest(POLL_MS, 0, MAX_BYTES, 0, [place]))
    assert told.throttle_time_ms > 0


async def test_a_restarted_broker_knows_everybody_again(
    installation: Installation, reader: Settings
) -> None:
    """It had forgotten all users where one was taken away, as the one who was revoked above."""
    settings = installation.settings
    login = Login(SERVICES_USER, secret_of(settings), settings.kafka_ca or Path())
    broker = Kafka(settings.home, settings.cache, login, quick=True)
    running = Records(settings.home).running("kafka")
    assert running is not None
    os.kill(running.pid, signal.SIGKILL)  # stopped by us, it would come back elsewhere
    psutil.wait_procs([psutil.Process(running.pid)], timeout=LIMIT_S)
    assert await asyncio.to_thread(broker.start) == settings.kafka
    assert (await fetch(reader, TRADES))[0] is NoError
    assert await append(reader, TRADES) is TopicAuthorizationFailedError
    assert await append(settings, DEAD_LETTERS) is NoError


def secret_of(settings: Settings) -> str:
    assert settings.kafka_password is not None
    return settings.kafka_password.get_secret_value()
