"""How what a machine wrote is recognised again: by edge and sequence.

An edge is a stream of names that only ever rise: one writer's messages of one kind to one
partition of a topic. The same function of a message names it before it is sent and after it was
read back, so that a recovered worker knows what it has published.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import msgspec

from streams.messages import FRAME_VERSION, Depth, DepthKind, Kline
from streams.outputs import Output
from streams.topics import (
    COMMANDS,
    DEPTH,
    KLINES,
    MARKETS,
    ORDERS,
    TICKERS,
    TRADES,
    UPDATES,
    Topic,
)


class Edge(NamedTuple):
    """A writer's own numbering in one partition of a topic."""

    topic: str
    partition: int
    source: str


class Name(NamedTuple):
    """What a record carries: a source's names from `first` to `last`.

    `first` is 0 where a source's names need not follow one another without a gap. `after` is
    another source of the same writer's, whose names up to `last` it had said before: a book is told
    whole after the diffs that lead to it.
    """

    source: str
    first: int
    last: int
    after: str = ""


class _FrameName(msgspec.Struct, array_like=True):
    version: int
    source: str
    first_seq: int
    commands: list[msgspec.Raw]


class _UpdateName(msgspec.Struct):
    source: str
    seq: int


class _EventName(msgspec.Struct):
    market: str
    seq: int
    kind: DepthKind = DepthKind.DIFF
    interval: str = ""


_frames = msgspec.msgpack.Decoder(_FrameName)
_updates = msgspec.json.Decoder(_UpdateName)
_events = msgspec.json.Decoder(_EventName)


def _public_source(market: str, kind: DepthKind, interval: str) -> str:
    """A snapshot and a diff, or candles of two intervals, may end at the same event."""
    if kind is DepthKind.SNAPSHOT:
        return f"{market}/snapshot"
    return f"{market}/{interval}" if interval else market


def edge_of(output: Output) -> Edge:
    """The edge an output goes over."""
    match output.message:
        case Depth(market=market, kind=kind):
            source = _public_source(market, kind, "")
        case Kline(market=market, interval=interval):
            source = _public_source(market, DepthKind.DIFF, interval)
        case _:
            source = output.source
    return Edge(output.topic.short, output.partition, source)


def _name_of_frame(value: bytes) -> Name | None:
    frame = _frames.decode(value)
    if frame.version != FRAME_VERSION:
        return None
    return Name(frame.source, frame.first_seq, frame.first_seq + len(frame.commands) - 1)


def _name_of_update(value: bytes) -> Name:
    update = _updates.decode(value)
    return Name(update.source, 0, update.seq)


def _name_of_event(value: bytes) -> Name:
    event = _events.decode(value)
    after = event.market if event.kind is DepthKind.SNAPSHOT else ""
    return Name(_public_source(event.market, event.kind, event.interval), 0, event.seq, after)


_NAMES: dict[Topic, Callable[[bytes], Name | None]] = {
    COMMANDS: _name_of_frame,
    ORDERS: _name_of_frame,
    UPDATES: _name_of_update,
    TRADES: _name_of_event,
    DEPTH: _name_of_event,
    TICKERS: _name_of_event,
    KLINES: _name_of_event,
    MARKETS: _name_of_event,
}


def name_of(topic: Topic, value: bytes) -> Name | None:
    """The names a record carries; None if it is not of this exchange's making."""
    try:
        return _NAMES[topic](value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        # Anyone who may write to the topic can put garbage there; it names nothing of ours.
        return None
