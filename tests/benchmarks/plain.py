"""The limit of `pipe`: plain aiokafka in a process of its own, without an exchange.

It reads the records that a worker reads, and writes the bytes that the worker wrote, in record
batches as large as the worker's, waiting for the acknowledgements before it reads on.

    python -m tests.benchmarks.plain WORK

where WORK is a `Work` as JSON. It prints what it took, a `Took` as JSON.
"""

from __future__ import annotations

import asyncio
import sys
import time
from typing import Any

import msgspec
import uvloop
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from infra.settings import Settings
from streams.topics import TOPICS
from tests.benchmarks.records import BATCH_BYTES, read_all

POLL_RECORDS = 2_000
POLL_MS = 5_000

Place = tuple[str, int]


class Work(msgspec.Struct, frozen=True):
    """What to copy: `source` of `venue` is read; what `outputs` of it hold is written to `to`."""

    broker: str
    venue: str
    to: str
    source: list[Place]
    outputs: list[Place]


class Took(msgspec.Struct, frozen=True):
    """From the first record that was there to the last acknowledgement."""

    wall_s: float
    cpu_s: float
    bytes_written: int


async def copy(work: Work) -> Took:
    """Read and write all of it."""
    topics = {topic.short: topic for topic in TOPICS}
    settings = Settings().model_copy(update={"kafka": work.broker, "venue": work.venue})
    read = await read_all(settings, [(topics[short], p) for short, p in work.outputs])
    outputs = {(topic.name(work.to), p): records for (topic, p), records in read.items()}
    source = [TopicPartition(topics[short].name(work.venue), p) for short, p in work.source]
    producer = AIOKafkaProducer(
        bootstrap_servers=work.broker,
        acks="all",
        enable_idempotence=True,
        max_batch_size=BATCH_BYTES,
        max_request_size=4 * BATCH_BYTES,
    )
    consumer = AIOKafkaConsumer(
        bootstrap_servers=work.broker, enable_auto_commit=False, max_poll_records=POLL_RECORDS
    )
    await producer.start()
    await consumer.start()
    try:
        consumer.assign(source)
        await consumer.seek_to_beginning(*source)
        ends = await consumer.end_offsets(source)
        total, taken, began, cpu = sum(ends.values()), 0, 0.0, 0.0
        written = dict.fromkeys(outputs, 0)
        while taken < total:
            polled = await consumer.getmany(timeout_ms=POLL_MS)
            if not polled:
                raise TimeoutError(f"nothing read for {POLL_MS} ms")
            if not taken:
                began, cpu = time.perf_counter(), time.process_time()
            taken += sum(map(len, polled.values()))
            acks: list[Any] = []
            for place, records in outputs.items():
                until = len(records) * taken // total
                acks += await _send(producer, place, records[written[place] : until])
                written[place] = until
            await asyncio.gather(*acks)
        wall_s, cpu_s = time.perf_counter() - began, time.process_time() - cpu
    finally:
        await consumer.stop()
        await producer.stop()
    size = sum(len(record.value) for records in outputs.values() for record in records)
    return Took(wall_s, cpu_s, size)


async def _send(producer: AIOKafkaProducer, place: Place, records: list[Any]) -> list[Any]:
    acks: list[Any] = []
    batch = producer.create_batch()
    for record in records:
        parts = {"key": record.key, "value": record.value, "headers": list(record.headers)}
        if batch.append(timestamp=None, **parts) is None:
            acks.append(await producer.send_batch(batch, place[0], partition=place[1]))
            batch = producer.create_batch()
            batch.append(timestamp=None, **parts)
    if batch.record_count():
        acks.append(await producer.send_batch(batch, place[0], partition=place[1]))
    return acks


if __name__ == "__main__":
    took = uvloop.run(copy(msgspec.json.decode(sys.argv[1], type=Work)))
    print(msgspec.json.encode(took).decode())
