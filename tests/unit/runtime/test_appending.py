"""What a worker appends is in memory once while the log takes it."""

from __future__ import annotations

import time
from collections.abc import Mapping

from aiokafka import TopicPartition

from infra.kafka.produce import Ack, Batch
from infra.settings import Settings
from streams.runtime.kafka_log import KafkaLog
from streams.runtime.ports import Record
from streams.runtime.transport import Lease
from streams.topics import UPDATES

PLACE = (UPDATES, 0)


async def test_records_are_let_go_once_they_are_in_batches() -> None:
    lease = Lease(session_s=10)
    lease.renew(time.monotonic())
    log = KafkaLog(Settings(kafka="nowhere:1"), lease)
    sent = {PLACE: [Record(b"key", b"value", []) for _ in range(3)]}

    class Writer:
        async def append(self, given: Mapping[TopicPartition, Batch]) -> dict[TopicPartition, Ack]:
            assert sent == {PLACE: []}
            return {place: Ack(place, 0, 7, 0) for place in given}

    log._writer = Writer()  # type: ignore[assignment]
    assert await log.append(sent) == {PLACE: 10}
