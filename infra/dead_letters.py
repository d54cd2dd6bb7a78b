"""Records that were set aside, as an operator sees them: what they are, why, and back again.

A letter that is appended to its topic again bears its place in `dead-letters` as a header, and a
note in `dead-letters` says so. Either is enough to know it by: whoever dies between the two is
found out by the next, so that no letter goes back twice. Two operators at the same moment are not
told from each other.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any, Self, cast

import msgspec
from aiokafka import AIOKafkaProducer

from infra import tail
from infra.settings import Settings
from projections.epoch import epoch_of
from projections.session import Database
from streams.messages.epoch import Epoch
from streams.runtime.kafka_log import KafkaLog
from streams.runtime.ports import Kept, Place
from streams.runtime.transport import Lease
from streams.topics import COMMANDS, DEAD_LETTERS, ORDERS, TOPICS, Topic

REQUEST_BYTES_MAX = 4 * 1024 * 1024

RETURNED = "dead-letter"
"""Header of a record that was re-injected: which letter it was."""

NOTED = "reinjected"
"""Header of a note in `dead-letters`: which letter was."""

NOTED_AS = "as"
"""Header of such a note: where it is now."""

REINJECTABLE = (COMMANDS, ORDERS)
"""Topics whose readers know what they took before; of the others a record would be told twice."""

_by_name = {topic.short: topic for topic in TOPICS}


class NoSuchLetter(LookupError):
    """There is no letter at this place."""


class NotReinjectable(Exception):
    """A letter that can't go back, or has gone already; the message says why."""


@dataclass(frozen=True, slots=True)
class Letter:
    """A record that was set aside: where it lay, why, and where it has gone back to, if it has."""

    offset: int
    at: int
    topic: str
    source_partition: int
    source_offset: int
    reason: str
    by: str
    size: int
    is_whole: bool
    reinjected: str = ""

    @property
    def name(self) -> str:
        """Its place in `dead-letters`, whose only partition is 0."""
        return f"0-{self.offset}"

    @property
    def source(self) -> str:
        """Where it lay, as `orders/3@17`."""
        return f"{self.topic}/{self.source_partition}@{self.source_offset}"


class DeadLetters:
    """The letters of a running system. Every call raises `KafkaError`."""

    def __init__(self, settings: Settings, epoch: Epoch) -> None:
        self._settings = settings
        self._epoch = epoch
        # It never renews this lease, so it can't write.
        self._log = KafkaLog(settings, Lease(0), epoch)

    @classmethod
    async def of(cls, settings: Settings) -> Self:
        """Raises `DatabaseUnavailable`, `RecoveryUnfinished`: the database knows the epoch."""
        database = await Database.connect(settings)
        try:
            return cls(settings, await epoch_of(database))
        finally:
            await database.close()

    async def all(self) -> list[Letter]:
        """Those kept, oldest first."""
        found: dict[str, Letter] = {}
        async for record in self._records((DEAD_LETTERS, 0), 0):
            letter, headers = _letter(record), _headers(record)
            if letter is not None:
                found[letter.name] = letter
            elif (noted := headers.get(NOTED, "")) in found:
                found[noted] = replace(found[noted], reinjected=headers.get(NOTED_AS, ""))
        return list(found.values())

    async def one(self, name: str) -> tuple[Letter, bytes]:
        """A letter and its value. Raises `NoSuchLetter`."""
        for letter in await self.all():
            if letter.name == name:
                async with aclosing(self._records((DEAD_LETTERS, 0), letter.offset)) as records:
                    async for record in records:
                        return letter, record.value
        raise NoSuchLetter(f"no letter {name}; list them with: velocity dead-letters list")

    async def reinject(self, name: str) -> str:
        """Append a letter's value to the partition it lay in; returns where it lies now.

        Raises `NoSuchLetter`, `NotReinjectable`.
        """
        letter, value = await self.one(name)
        topic = _reinjectable(letter)
        producer = AIOKafkaProducer(
            **self._settings.kafka_client,
            acks="all",
            enable_idempotence=True,
            max_request_size=REQUEST_BYTES_MAX,
        )
        await producer.start()
        try:
            offset = await self._returned(letter, topic)
            if offset is None:
                offset = await self._return(producer, letter, topic, value)
            place = f"{topic.short}/{letter.source_partition}@{offset}"
            await producer.send_and_wait(
                DEAD_LETTERS.name(self._settings.venue),
                b"",
                key=NOTED.encode(),
                partition=0,
                headers=[(NOTED, name.encode()), (NOTED_AS, place.encode())],
            )
        finally:
            await producer.stop()
        return place

    async def _return(
        self, producer: AIOKafkaProducer, letter: Letter, topic: Topic, value: bytes
    ) -> int:
        ack = await producer.send_and_wait(
            topic.name(self._settings.venue),
            value,
            partition=letter.source_partition,
            headers=[(RETURNED, letter.name.encode())],
        )
        return self._epoch.logical(ack.offset)

    async def _returned(self, letter: Letter, topic: Topic) -> int | None:
        """Where the letter lies already, appended by somebody who died before noting it."""
        place = (topic, letter.source_partition)
        async with aclosing(self._records(place, letter.source_offset + 1)) as records:
            async for record in records:
                if _headers(record).get(RETURNED) == letter.name:
                    return record.offset
        return None

    async def _records(self, place: Place, start: int) -> AsyncGenerator[Kept, None]:
        read = self._log.read({place: start})
        batches = cast("AsyncGenerator[tuple[Place, list[Kept]], None]", read)
        async with aclosing(batches):
            async for _, batch in batches:
                for record in batch:
                    yield record


def decoded(letter: Letter, value: bytes) -> Any:
    """The value as far as it can be read: by its topic, else by its encoding, else in hex."""
    record = _Shown(letter.source_partition, letter.source_offset, letter.at, b"", value)
    if letter.topic in _by_name:
        shown = msgspec.json.decode(tail.line(_by_name[letter.topic], record))["value"]
        if not (isinstance(shown, dict) and "undecodable" in shown):
            return shown
    for decode in (msgspec.msgpack.decode, msgspec.json.decode):
        try:
            return msgspec.to_builtins(decode(value), str_keys=True)
        except (msgspec.MsgspecError, ValueError, TypeError, RecursionError):
            continue
    return {"hex": value.hex()}


class _Shown(msgspec.Struct, frozen=True):
    """A record as the broker's client would give it."""

    partition: int
    offset: int
    timestamp: int
    key: bytes
    value: bytes


def _reinjectable(letter: Letter) -> Topic:
    topic = _by_name.get(letter.topic)
    if topic is None or topic not in REINJECTABLE:
        known = " and ".join(each.short for each in REINJECTABLE)
        raise NotReinjectable(f"{letter.name} is of {letter.topic}; only {known} take records back")
    if not letter.is_whole:
        raise NotReinjectable(f"{letter.name} was too large to be kept whole")
    if letter.reinjected:
        raise NotReinjectable(f"{letter.name} went back already, to {letter.reinjected}")
    return topic


def _headers(record: Kept) -> dict[str, str]:
    return {name: value.decode(errors="replace") for name, value in record.headers}


def _letter(record: Kept) -> Letter | None:
    """A letter as its headers tell; None for what is no letter."""
    headers = _headers(record)
    partition, offset = headers.get("partition", ""), headers.get("offset", "")
    if not (partition.isdigit() and offset.isdigit()):
        return None
    topic, told = headers.get("topic", ""), headers.get("size", "")
    reader = {COMMANDS.short: "ledger", ORDERS.short: "matching"}.get(topic, "market-data")
    size = int(told) if told.isdigit() else len(record.value)
    return Letter(
        offset=record.offset,
        at=record.at,
        topic=topic,
        source_partition=int(partition),
        source_offset=int(offset),
        reason=headers.get("reason", ""),
        by=headers.get("by", reader),
        size=size,
        is_whole=size == len(record.value),
    )
