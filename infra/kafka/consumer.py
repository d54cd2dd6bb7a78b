"""Kafka consumers that end when they are told to, whatever has become of the broker."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer

STOP_LIMIT_S = 5.0


@asynccontextmanager
async def consuming(bootstrap_servers: str, **options: Any) -> AsyncIterator[AIOKafkaConsumer]:
    """A consumer without a group until the end of the block. Raises `KafkaError`.

    The options are those of `Settings.kafka_client`, and aiokafka's own.
    """
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap_servers, group_id=None, enable_auto_commit=False, **options
    )
    try:
        await consumer.start()
        yield consumer
    finally:
        await stop(consumer)


async def stop(consumer: AIOKafkaConsumer, by: Callable[[], Awaitable[None]] | None = None) -> None:
    """Stop a consumer, `by` what does so besides other things if given, and let nothing of it
    remain. Raises `TimeoutError`.

    aiokafka cancels its own requests then. Where one of them waits to be tried again, as the broker
    is away, that comes out as a cancellation of whoever stops the consumer (in 0.14), and its
    connections are left open.
    """
    async with asyncio.timeout(STOP_LIMIT_S):
        try:
            await (by or consumer.stop)()
        except asyncio.CancelledError:
            await consumer._client.close()
            if is_cancelled():
                raise


def is_cancelled() -> bool:
    """Whether somebody has asked the running task to end.

    Where nobody has, a `CancelledError` comes from something that was waited for and is gone.
    """
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
