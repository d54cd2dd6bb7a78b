"""Whether a recovery may begin: nobody is at work, and the log is new.

Only services of this home are seen. Those on other machines are for whoever runs it to stop: a
worker that came back by itself would stop at the new log, which ends before its state.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient

from infra.processes import Records
from infra.services import SERVICES
from infra.settings import Settings
from infra.verify.topics import places
from streams.runtime.ports import Log
from streams.runtime.provision import create_topics
from streams.topics import TOPICS

DELETED_LIMIT_S = 30.0
POLL_S = 0.1


class NotNow(Exception):
    """A recovery would do harm; the message says why."""


def nothing_runs(settings: Settings) -> None:
    """Raise `NotNow` where a service of this home runs."""
    records = Records(settings.home)
    running = [service.name for service in SERVICES if records.running(service.name) is not None]
    if running:
        raise NotNow(f"{', '.join(running)} still run; stop them with: velocity down")


async def new_topics(settings: Settings, log: Log, *, again: bool) -> None:
    """See that each of the venue's topics is there and holds nothing.

    A recovery that was interrupted may have left records: `again` deletes them. Raises `NotNow`.
    """
    if again:
        await _delete_topics(settings)
    await create_topics(settings)
    everywhere = [place for topic in TOPICS for place in places(topic, settings)]
    for (topic, partition), (_, end) in (await log.bounds(everywhere)).items():
        if end:
            raise NotNow(
                f"{topic.name(settings.venue)}/{partition} has had {end} records: this broker has "
                "not lost its data. A recovery is for one that has; workers recover by themselves"
            )


async def _delete_topics(settings: Settings) -> None:
    names = {topic.name(settings.venue) for topic in TOPICS}
    admin = await _admin(settings)
    try:
        there = names & set(await admin.list_topics())
        if there:
            await admin.delete_topics(sorted(there))
        deadline = time.monotonic() + DELETED_LIMIT_S
        while names & set(await admin.list_topics()):
            if time.monotonic() > deadline:
                raise TimeoutError(f"the broker has not deleted {sorted(there)}")
            await asyncio.sleep(POLL_S)
    finally:
        await admin.close()


async def _admin(settings: Settings) -> Any:
    admin = AIOKafkaAdminClient(**settings.kafka_client, client_id="velocity-recover")
    await admin.start()
    return admin
