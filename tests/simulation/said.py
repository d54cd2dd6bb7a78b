"""What lies on the topics, told apart by who said it, as a careful outsider reads it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec

from streams.messages import (
    Depth,
    DepthKind,
    Kline,
    account_frames,
    depths,
    encode_event,
    klines,
    market_frames,
    markets,
    tickers,
    trades,
    updates,
)
from streams.outputs import Output
from streams.runtime.ports import Kept, Place
from streams.topics import (
    COMMANDS,
    DEAD_LETTERS,
    DEPTH,
    KLINES,
    MARKETS,
    MESSAGEPACK,
    ORDERS,
    TICKERS,
    TRADES,
    UPDATES,
    Topic,
)
from tests.simulation.log import Broker

PUBLIC: dict[Topic, msgspec.json.Decoder[Any]] = {
    DEPTH: depths,
    KLINES: klines,
    MARKETS: markets,
    TICKERS: tickers,
    TRADES: trades,
}


class Said(NamedTuple):
    """One message under its name; `late` if it was sent by one who had lost its lease by then."""

    seq: int
    content: object
    late: bool


class Repeated(AssertionError):
    """A name that was said twice, or not in order."""


def said_at(broker: Broker, place: Place) -> dict[str, list[Said]]:
    """All that was said at a place, by source, in the log's order."""
    by_source: dict[str, list[Said]] = defaultdict(list)
    for record in broker.records(place):
        late = (place, record.offset) in broker.late
        if (place, record.offset) not in broker.foreign:
            for source, seq, content in _read(place[0], record):
                by_source[source].append(Said(seq, content, late))
    return by_source


def _read(topic: Topic, record: Kept) -> Iterator[tuple[str, int, object]]:
    if topic is COMMANDS or topic is ORDERS:
        decoder = account_frames if topic is COMMANDS else market_frames
        frame = decoder.decode(record.value)
        for index, command in enumerate(frame.commands if frame.source else ()):
            yield frame.source, frame.first_seq + index, command
    elif topic is UPDATES:
        update = updates.decode(record.value)
        yield update.source, update.seq, record.value
    elif topic is DEAD_LETTERS:
        headers = dict(record.headers)
        content = (record.value, headers["reason"])
        yield record.key.decode(), int(headers["offset"]) + 1, content
    else:
        event = PUBLIC[topic].decode(record.value)
        yield source_of(event.market, event), event.seq, record.value


def source_of(source: str, message: object) -> str:
    """Snapshots, and candles of each interval, are streams of names of their own."""
    match message:
        case Depth(market=market, kind=DepthKind.SNAPSHOT):
            return f"{market}/snapshot"
        case Kline(market=market, interval=interval):
            return f"{market}/{interval}"
        case _:
            return source


def expected(outputs: list[Output]) -> dict[Place, dict[str, list[tuple[int, object]]]]:
    """What a machine's outputs are once they lie on the topics."""
    found: dict[Place, dict[str, list[tuple[int, object]]]] = {}
    for output in outputs:
        message = output.message
        content: object = message
        if output.topic.content_type != MESSAGEPACK:
            content = encode_event(message)  # type: ignore[arg-type]
        sources = found.setdefault((output.topic, output.partition), defaultdict(list))
        sources[source_of(output.source, message)].append((output.seq, content))
    return found


def once(said: list[Said], *, sampled: bool = False) -> list[tuple[int, object]]:
    """What a reader with a watermark takes.

    Raises `Repeated` when a name comes again: only what a zombie sent may, and it must say the
    same. Of states that are `sampled`, it may also say one that its successor left unsaid.
    """
    taken: dict[int, Said] = {}
    last = 0
    for message in said:
        if message.seq > last:
            last = message.seq
            taken[last] = message
            continue
        first = taken.get(message.seq)
        if first is None and sampled and message.late:
            continue
        if first is None:
            raise Repeated(f"{message.seq} comes after {last}")
        if first.content != message.content:
            raise Repeated(f"{message.seq} says {first.content!r}, then {message.content!r}")
        if not (first.late or message.late):
            raise Repeated(f"{message.seq} is said twice")
    return [(seq, message.content) for seq, message in taken.items()]
