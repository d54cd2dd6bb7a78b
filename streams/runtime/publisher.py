"""The one way out of a worker: outputs are grouped, encoded, sent and acknowledged together."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, NamedTuple

from aiokafka import AIOKafkaProducer

from infra.settings import Settings
from streams.messages import (
    FRAME_BYTES_MAX,
    FRAME_COMMANDS_MAX,
    FRAME_VERSION,
    Frame,
    encode_event,
    encode_frame,
)
from streams.outputs import Output
from streams.runtime.dead_letters import DeadLetter
from streams.runtime.names import Edge, edge_of
from streams.runtime.provision import broker
from streams.runtime.transport import Lease
from streams.topics import DEAD_LETTERS, MESSAGEPACK, Topic

ACK_TIMEOUT_S = 30.0
BATCH_BYTES_MAX = 1024 * 1024
REQUEST_BYTES_MAX = 4 * 1024 * 1024

Place = tuple[Topic, int]


class _Record(NamedTuple):
    key: bytes
    value: bytes
    headers: list[tuple[str, bytes]]


class Publisher:
    """Sends a worker's outputs with an idempotent producer, all replicas acknowledging.

    It is silent about what is published already: an output at or below `silent_until` of its edge
    is left out, so that a recovered worker can compute its past again without repeating it.
    """

    def __init__(self, settings: Settings, lease: Lease) -> None:
        self._settings = settings
        self._venue = settings.venue
        self._lease = lease
        self.silent_until: dict[Edge, int] = {}
        self._producer: AIOKafkaProducer = None

    async def start(self) -> None:
        # Made here because it binds itself to the running loop.
        self._producer = AIOKafkaProducer(
            bootstrap_servers=broker(self._settings),
            acks="all",
            enable_idempotence=True,
            linger_ms=0,
            max_batch_size=BATCH_BYTES_MAX,
            max_request_size=REQUEST_BYTES_MAX,
            request_timeout_ms=int(ACK_TIMEOUT_S * 1000),
        )
        await self._producer.start()

    async def stop(self) -> None:
        if self._producer is not None:
            await self._producer.stop()

    async def publish(self, outputs: Iterable[Output], dead: Iterable[DeadLetter] = ()) -> None:
        """Send, and return once the log has it all.

        Raises `LeaseLost` before anything is sent, `KafkaError` or `TimeoutError` when an
        acknowledgement does not come: what was sent is then unknown, and only recovery can tell.
        """
        records = self._records(outputs)
        for letter in dead:
            if not self._is_published(letter.edge, letter.seq):
                record = _Record(letter.key, letter.value, letter.headers)
                records.setdefault((DEAD_LETTERS, 0), []).append(record)
        if not records:
            return
        self._lease.check()
        async with asyncio.timeout(ACK_TIMEOUT_S):
            acks = [
                await self._producer.send_batch(batch, topic.name(self._venue), partition=partition)
                for (topic, partition), sent in records.items()
                for batch in self._batches(sent)
            ]
            await asyncio.gather(*acks)

    def _records(self, outputs: Iterable[Output]) -> dict[Place, list[_Record]]:
        """Encode what is not published yet, in the order it was put out for each partition."""
        commands: dict[Place, list[Output]] = {}
        records: dict[Place, list[_Record]] = {}
        for output in outputs:
            if self.silent_until and self._is_published(edge_of(output), output.seq):
                continue
            place = (output.topic, output.partition)
            if output.topic.content_type == MESSAGEPACK:
                commands.setdefault(place, []).append(output)
            else:
                records.setdefault(place, []).append(self._event(output))
        for place, grouped in commands.items():
            records[place] = list(_frames(grouped))
        return records

    def _is_published(self, edge: Edge, seq: int) -> bool:
        until = self.silent_until.get(edge)
        if until is None:
            return False
        if seq <= until:
            return True
        del self.silent_until[edge]
        return False

    def _event(self, output: Output) -> _Record:
        value = encode_event(output.message)  # type: ignore[arg-type]
        headers = self._cloudevents(output) if output.topic.public else []
        return _Record(output.key.encode(), value, headers)

    def _cloudevents(self, output: Output) -> list[tuple[str, bytes]]:
        """CloudEvents' attributes in the binary mode of its Kafka binding."""
        return [
            ("ce_specversion", b"1.0"),
            ("ce_id", f"{output.key}:{output.seq}".encode()),
            ("ce_type", output.topic.name(self._venue).encode()),
            ("ce_source", f"/{self._venue}/markets/{output.key}".encode()),
            ("content-type", output.topic.content_type.encode()),
        ]

    def _batches(self, records: list[_Record]) -> Iterator[Any]:
        batch = self._producer.create_batch()
        for record in records:
            if not _append(batch, record):
                yield batch
                batch = self._producer.create_batch()
                if not _append(batch, record):
                    raise ValueError(f"a record of {len(record.value)} bytes fits no batch")
        yield batch


def _append(batch: Any, record: _Record) -> bool:
    appended = batch.append(
        key=record.key, value=record.value, timestamp=None, headers=record.headers
    )
    return appended is not None


def _frames(outputs: list[Output]) -> Iterator[_Record]:
    """Cut one partition's commands, numbered without a gap, into frames of bounded size."""
    rest = iter(outputs)
    while group := list(islice(rest, FRAME_COMMANDS_MAX)):
        yield from _within_size(group)


def _within_size(group: list[Output]) -> Iterator[_Record]:
    first = group[0]
    frame: Frame[Any] = Frame(
        FRAME_VERSION, first.source, first.seq, [output.message for output in group]
    )
    value = encode_frame(frame)
    if len(value) <= FRAME_BYTES_MAX or len(group) == 1:
        yield _Record(first.key.encode(), value, [])
    else:
        half = len(group) // 2
        yield from _within_size(group[:half])
        yield from _within_size(group[half:])
