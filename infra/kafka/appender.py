"""Appends for many: what is sent while an append is under way goes with the next."""

from __future__ import annotations

import asyncio
from typing import Any

from aiokafka import TopicPartition

from infra.kafka.produce import Ack, Batch
from infra.kafka.writer import Writer


class Appender:
    """Appends records, one of a partition at a time; the options are those of `Writer`.

    A record can't be taken back: a broker that is away is tried until it is back. One that is
    refused ends it, as whether those beside it are in the log is unknown then.
    """

    def __init__(self, **options: Any) -> None:
        self._writer = Writer(allowed=lambda: None, **options)
        self._waiting: dict[TopicPartition, tuple[Batch, asyncio.Future[Ack]]] = {}
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Connect. Raises `KafkaError` when there is no broker; may be called again then."""
        await self._writer.start()

    async def stop(self) -> None:
        """Disconnect once nothing is under way. Bound its time."""
        try:
            if self._task is not None:
                await self._task
        finally:
            await self._writer.stop()

    async def send(
        self, topic: str, value: bytes, *, key: bytes, partition: int
    ) -> asyncio.Future[Ack]:
        """Where the log has the record, once all replicas do; `KafkaError` where it is refused."""
        place = TopicPartition(topic, partition)
        if place in self._waiting:
            raise ValueError(f"{place} has a record that is not sent yet")
        batch = Batch()
        batch.add(key, value, [])
        acknowledged: asyncio.Future[Ack] = asyncio.get_running_loop().create_future()
        self._waiting[place] = batch, acknowledged
        if self._task is None:
            self._task = asyncio.create_task(self._append())
        return acknowledged

    async def _append(self) -> None:
        sent: dict[TopicPartition, tuple[Batch, asyncio.Future[Ack]]] = {}
        try:
            while self._waiting:
                sent, self._waiting = self._waiting, {}
                acks = await self._writer.append({place: sent[place][0] for place in sent})
                for place, (_, acknowledged) in sent.items():
                    if not acknowledged.done():
                        acknowledged.set_result(acks[place])
        except Exception as error:
            for _, acknowledged in (*sent.values(), *self._waiting.values()):
                if not acknowledged.done():
                    acknowledged.set_exception(error)
            self._waiting = {}
            raise
        finally:
            self._task = None
