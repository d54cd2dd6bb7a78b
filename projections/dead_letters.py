"""Where records go that no row can be made of."""

from __future__ import annotations

from typing import Any

from aiokafka import AIOKafkaProducer

from infra.settings import Settings
from projections.feeds import Record
from streams.topics import DEAD_LETTERS

REASON_BYTES_MAX = 1024
REQUEST_BYTES_MAX = 4 * 1024 * 1024
VALUE_BYTES_MAX = REQUEST_BYTES_MAX - 64 * 1024
"""What a record of `dead-letters` has room for beside its key, its headers and its envelope."""


class DeadLetters:
    """Writes to `dead-letters`: the record as it was, and headers that say why and where it lay."""

    def __init__(self, settings: Settings) -> None:
        self._topic = DEAD_LETTERS.name(settings.venue)
        self._kafka = settings.kafka_client
        self._producer: Any = None

    async def put(self, record: Record, reason: str) -> None:
        """Append a record, and return when the log has it. Raises `KafkaError`.

        One too large to be appended again is cut; its header `size` tells.
        """
        producer = await self._started()
        headers = [
            ("reason", reason.encode()[:REASON_BYTES_MAX]),
            ("topic", record.topic.short.encode()),
            ("partition", str(record.partition).encode()),
            ("offset", str(record.offset).encode()),
            ("by", b"projections"),
        ]
        if len(record.value) > VALUE_BYTES_MAX:
            headers.append(("size", str(len(record.value)).encode()))
        await producer.send_and_wait(
            self._topic,
            record.value[:VALUE_BYTES_MAX],
            key=f"{record.topic.short}/{record.partition}".encode(),
            headers=headers,
        )

    async def close(self) -> None:
        if self._producer is not None:
            await self._producer.stop()

    async def _started(self) -> Any:
        """Most services never see a malformed record: the producer starts with the first."""
        if self._producer is None:
            producer = AIOKafkaProducer(
                **self._kafka,
                acks="all",
                enable_idempotence=True,
                max_request_size=REQUEST_BYTES_MAX,
            )
            try:
                await producer.start()
            except BaseException:
                await producer.stop()
                raise
            self._producer = producer
        return self._producer
