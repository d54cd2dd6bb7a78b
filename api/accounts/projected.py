"""How far the database has come with `updates`: the committed offsets of its projection."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from infra.settings import Settings
from projections.queries import updates_group
from streams.messages import Offset
from streams.topics import UPDATES

FORGET_AFTER_S = 5.0
"""What the database has had for so long can be forgotten: a read of it takes less."""

REQUEST_LIMIT_S = 5.0
RETRY_S = 0.5

log = logging.getLogger(__name__)


class ProjectedOffsets:
    """For each partition, what has been committed since when."""

    def __init__(self, settings: Settings) -> None:
        self._kafka = settings.kafka_client
        self._group = updates_group(settings.venue)
        self._topic = UPDATES.name(settings.venue)
        self._admin: AIOKafkaAdminClient | None = None
        self._known: list[deque[tuple[float, Offset]]] = [
            deque() for _ in range(settings.account_partitions)
        ]

    def forgettable(self, partition: int) -> Offset:
        """The offset below which the database has had everything for long enough."""
        known, until = self._known[partition], time.monotonic() - FORGET_AFTER_S
        while len(known) > 1 and known[1][0] <= until:
            known.popleft()
        return known[0][1] if known and known[0][0] <= until else Offset(0)

    async def known(self) -> dict[int, int]:
        """The offset each partition is projected up to, asked for until the broker answers."""
        while True:
            if await self.refresh():
                return {number: known[-1][1] for number, known in enumerate(self._known) if known}
            await asyncio.sleep(RETRY_S)

    async def refresh(self) -> bool:
        """Ask the broker; False, and nothing changed, when it doesn't answer."""
        try:
            async with asyncio.timeout(REQUEST_LIMIT_S):
                offsets = await self._committed()
        except (KafkaError, TimeoutError, OSError) as error:
            log.warning("no word on what is projected: %r", error)
            await self.close()
            return False
        now = time.monotonic()
        for partition, offset in offsets.items():
            known = self._known[partition]
            if not known or known[-1][1] != offset:
                known.append((now, offset))
        return True

    async def close(self) -> None:
        admin, self._admin = self._admin, None
        if admin is not None:
            await admin.close()

    async def _committed(self) -> dict[int, Offset]:
        if self._admin is None:
            self._admin = AIOKafkaAdminClient(**self._kafka, client_id="velocity-api-projected")
            await self._admin.start()
        offsets = await self._admin.list_consumer_group_offsets(self._group)
        return {
            place.partition: Offset(committed.offset)
            for place, committed in offsets.items()
            if place.topic == self._topic and committed.offset >= 0
        }
