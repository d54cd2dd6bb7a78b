"""Prints the records of a topic as people read them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from aiokafka import TopicPartition

from infra.kafka.consumer import consuming
from infra.settings import Settings
from streams.messages import account_frames, market_frames
from streams.topics import COMMANDS, MESSAGEPACK, ORDERS, Topic

POLL_MS = 500


async def print_records(settings: Settings, topic: Topic, last: int, *, follow: bool) -> None:
    """Print from `last` records before the end of each partition; then, if asked to, for ever."""
    count = topic.partitions(settings.account_partitions, settings.market_partitions)
    name = topic.name(settings.venue)
    places = [TopicPartition(name, partition) for partition in range(count)]
    async with consuming(**settings.kafka_client) as consumer:
        consumer.assign(places)
        firsts = await consumer.beginning_offsets(places)
        ends = await consumer.end_offsets(places)
        for place in places:
            consumer.seek(place, max(firsts[place], ends[place] - last))
        while follow or [p for p in places if await consumer.position(p) < ends[p]]:
            polled = await consumer.getmany(timeout_ms=POLL_MS)
            records = [record for several in polled.values() for record in several]
            for record in sorted(records, key=lambda record: record.timestamp):
                print(line(topic, record), flush=True)


def line(topic: Topic, record: Any) -> str:
    """A record as one line of JSON."""
    shown = {
        "partition": record.partition,
        "offset": record.offset,
        "at": record.timestamp,
        "key": (record.key or b"").decode(errors="replace"),
        "value": _decoded(topic, record.value or b""),
    }
    return msgspec.json.encode(shown).decode()


def _decoded(topic: Topic, value: bytes) -> Any:
    """The value as JSON has it, commands with the names of their fields; else its bytes in hex."""
    try:
        if topic.content_type == MESSAGEPACK:
            return _named(_FRAMES[topic](value))
        return msgspec.json.decode(value)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return {"undecodable": value.hex()}


def _named(value: Any) -> Any:
    """Structs that travel as arrays, with the names that their fields have."""
    if isinstance(value, msgspec.Struct):
        fields = {name: _named(getattr(value, name)) for name in value.__struct_fields__}
        return {"command": type(value).__name__, **fields} if _is_command(value) else fields
    if isinstance(value, list):
        return [_named(each) for each in value]
    return value


def _is_command(value: msgspec.Struct) -> bool:
    return value.__struct_config__.tag is not None


_FRAMES: dict[Topic, Callable[[bytes], Any]] = {
    COMMANDS: account_frames.decode,
    ORDERS: market_frames.decode,
}
