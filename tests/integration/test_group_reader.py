"""A consumer group whose members do not fetch: each record is taken, wherever partitions move."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.records_to_delete import RecordsToDelete

from infra.kafka.group import GroupReader
from infra.settings import Settings
from streams.runtime.provision import create_topics
from streams.topics import UPDATES

LIMIT_S = 30.0
POLL_S = 0.5


Append = Callable[..., Awaitable[int]]


@pytest.fixture
async def settings(make_settings: Callable[..., Settings]) -> Settings:
    """A venue of the test's own, with its topics and nothing in them."""
    venue = f"t{secrets.token_hex(4)}_group_reader"
    settings = make_settings(venue=venue, account_partitions=2, market_partitions=1)
    await create_topics(settings)
    return settings


@pytest.fixture
async def append(settings: Settings) -> AsyncIterator[Append]:
    """Appends values to a partition of `updates`; the offset of the last."""
    producer = AIOKafkaProducer(bootstrap_servers=settings.kafka, acks="all")
    await producer.start()

    async def append(*values: bytes, partition: int = 0) -> int:
        topic = UPDATES.name(settings.venue)
        acks = [await producer.send(topic, value, partition=partition) for value in values]
        return int((await asyncio.gather(*acks))[-1].offset)

    yield append
    await producer.stop()


class Reading:
    """A member of the group that takes what it is given."""

    def __init__(self, settings: Settings, member: str) -> None:
        self.partitions = 0
        self.taken: list[bytes] = []
        self._reader = GroupReader(
            [UPDATES.name(settings.venue)],
            group=f"{settings.venue}.readers",
            member=member,
            joined=self._joined,
            **settings.kafka_client,
        )

    async def __aenter__(self) -> Reading:
        await self._reader.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._reader.commit()
        await self._reader.stop()

    def _joined(self, partitions: int) -> None:
        self.partitions = partitions

    async def until(self, reached: Callable[[], bool]) -> None:
        async with asyncio.timeout(LIMIT_S):
            while not reached():
                polled = await self._reader.poll(POLL_S)
                for records in polled.values():
                    self.taken += [record.value for record in records]
                self._reader.done({of: records[-1].offset + 1 for of, records in polled.items()})
                await self._reader.commit()

    async def lag(self) -> int:
        return await self._reader.lag()


async def test_who_comes_back_goes_on_where_it_was_done(settings: Settings, append: Append) -> None:
    await append(b"1", b"2")
    async with Reading(settings, "one") as reading:
        await reading.until(lambda: reading.taken == [b"1", b"2"])
        assert await reading.lag() == 0
    await append(b"3")
    async with Reading(settings, "one") as reading:
        await reading.until(lambda: reading.taken == [b"3"])


async def test_members_share_the_partitions_and_each_record_is_taken(
    settings: Settings, append: Append
) -> None:
    async with Reading(settings, "one") as one:
        await one.until(lambda: one.partitions == 2)
        async with Reading(settings, "two") as two:
            # The group settles only while both are there to be told.
            await asyncio.gather(
                one.until(lambda: one.partitions == 1), two.until(lambda: two.partitions == 1)
            )
            await append(b"left", partition=0)
            await append(b"right", partition=1)
            await asyncio.gather(
                one.until(lambda: len(one.taken) == 1), two.until(lambda: len(two.taken) == 1)
            )
            assert {*one.taken, *two.taken} == {b"left", b"right"}


async def test_what_the_log_no_longer_has_is_passed_over_and_said(
    settings: Settings, append: Append, caplog: pytest.LogCaptureFixture
) -> None:
    await append(b"1")
    async with Reading(settings, "one") as reading:
        await reading.until(lambda: reading.taken == [b"1"])
    last = await append(b"2", b"3", b"4")
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.kafka)
    await admin.start()
    place = TopicPartition(UPDATES.name(settings.venue), 0)
    await admin.delete_records({place: RecordsToDelete(before_offset=last)})
    await admin.close()
    async with Reading(settings, "one") as reading:
        await reading.until(lambda: reading.taken == [b"4"])
    assert f"begins at {last}, not at 1" in caplog.text
