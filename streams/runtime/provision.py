"""Creates a venue's topics as `streams.topics` says, and holds those that are there against it."""

from __future__ import annotations

import asyncio
import time

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import TopicAlreadyExistsError, for_code

from infra.settings import Settings
from streams.topics import TOPICS

TIMEOUT_MS = 30_000


class TopicMismatch(RuntimeError):
    """A topic exists with another number of partitions; a venue's are fixed for its life."""


async def create_topics(settings: Settings) -> list[str]:
    """Create what is missing of the venue's topics and wait until each partition has a leader.

    Returns the names of those created. Raises `TopicMismatch` where one exists with other
    partitions than the settings ask for, `TimeoutError` when leaders are not elected in time.
    """
    admin = AIOKafkaAdminClient(
        **settings.kafka_client, request_timeout_ms=TIMEOUT_MS, client_id="velocity-init"
    )
    await admin.start()
    try:
        wanted = {
            topic.name(settings.venue): topic.partitions(
                settings.account_partitions, settings.market_partitions
            )
            for topic in TOPICS
        }
        missing = set(wanted) - set(await admin.list_topics())
        new = [
            NewTopic(
                topic.name(settings.venue),
                wanted[topic.name(settings.venue)],
                settings.replication,
                topic_configs=topic.config(),
            )
            for topic in TOPICS
            if topic.name(settings.venue) in missing
        ]
        if new:
            response = await admin.create_topics(new, timeout_ms=TIMEOUT_MS)
            _raise_errors(response)
        await _wait_for_leaders(admin, wanted)
        return sorted(missing)
    finally:
        await admin.close()


def _raise_errors(response: object) -> None:
    """The admin client does not raise for a topic that could not be created."""
    for name, code, *_ in response.topic_errors:  # type: ignore[attr-defined]
        error = for_code(code)
        # Another process may have created it since it was looked for.
        if code and error is not TopicAlreadyExistsError:
            raise error(f"topic {name}")


async def _wait_for_leaders(admin: AIOKafkaAdminClient, wanted: dict[str, int]) -> None:
    deadline = time.monotonic() + TIMEOUT_MS / 1000
    while True:
        described = await admin.describe_topics(list(wanted))
        leaders = {
            topic["topic"]: [p["partition"] for p in topic["partitions"] if p["leader"] >= 0]
            for topic in described
        }
        if all(len(leaders.get(name, ())) == count for name, count in wanted.items()):
            return
        for topic in described:
            there, count = len(topic["partitions"]), wanted[topic["topic"]]
            if there not in (0, count):
                raise TopicMismatch(f"{topic['topic']} has {there} partitions, not {count}")
        if time.monotonic() > deadline:
            raise TimeoutError(f"topics without a leader: {leaders} of {wanted}")
        await asyncio.sleep(0.05)
