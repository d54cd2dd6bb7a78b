"""Whether a recovery may begin: nobody is at work, and the log is new."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient

from infra.processes import Records
from infra.services import SERVICES
from infra.settings import Settings
from infra.verify.topics import places
from projections.feeds import FEEDS
from streams.runtime.ports import Log
from streams.runtime.provision import create_topics
from streams.topics import TOPICS

WORKERS = ("ledger", "matching", "market-data")
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


async def nobody_reads(settings: Settings) -> None:
    """Raise `NotNow` where a worker or a projection, wherever it runs, is known to the broker."""
    groups = [f"{settings.venue}.{worker}" for worker in WORKERS]
    groups += [feed.group(settings.venue) for feed in FEEDS]
    admin = await _admin(settings)
    try:
        # A new broker knows no group, and has no coordinator to ask.
        known = {group for group, _ in await admin.list_consumer_groups()} & set(groups)
        for response in await admin.describe_consumer_groups(sorted(known)) if known else ():
            for error, group, _, _, _, members, *_ in response.groups:
                if not error and members:
                    raise NotNow(f"{group} has {len(members)} members on the broker; stop them")
    finally:
        await admin.close()


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
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.kafka, client_id="velocity-recover")
    await admin.start()
    return admin
