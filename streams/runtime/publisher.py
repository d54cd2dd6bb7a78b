"""The one way out of a worker: outputs are named, grouped, encoded and appended together."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from streams.messages import (
    FRAME_BYTES_MAX,
    FRAME_COMMANDS_MAX,
    FRAME_VERSION,
    Frame,
    encode_event,
    encode_frame,
)
from streams.outputs import Output
from streams.runtime.dead_letters import DeadLetter
from streams.runtime.names import Edge, edge_of
from streams.runtime.ports import Log, Place, Record
from streams.runtime.published import Run, join, last_of
from streams.topics import DEAD_LETTERS, MESSAGEPACK, Topic

TURNS_TO_SOCKET = 8
"""Turns of the event loop in which records get through the writer to the socket. With fewer they
would get there after the next were computed: later, and no less right."""

Header = tuple[str, bytes]
Records = dict[Place, list[Record]]


class Publisher:
    """Appends a worker's outputs to the log, but for those that are there already.

    It is silent about what was `found` there, so that a recovered machine can compute its past
    again without repeating it. `written` says up to where it has written at each place.

    Nothing is sent before the log has what was sent before. What a send fails with is raised by
    all that follows it: how much of it the log has is unknown, and only recovery can tell.
    """

    def __init__(self, log: Log, venue: str) -> None:
        self._log = log
        self._venue = venue
        # What was read back, until the edge's next name tells where its numbering stands.
        self._found: dict[Edge, list[Run]] = {}
        self._silent_until: dict[Edge, int] = {}
        # As many as there are edges to public topics: markets, times their kinds of records.
        self._headers: dict[Edge, tuple[Header, Header, Header, Header]] = {}
        self.written: dict[Place, int] = {}
        self._sending: asyncio.Task[None] | None = None

    def keep_silent_about(self, found: Mapping[Edge, Iterable[Run]]) -> None:
        """From now on, leave out these names of these edges."""
        for edge, runs in found.items():
            known = self._found.setdefault(edge, [])
            for run in runs:
                join(known, run)

    async def publish(self, outputs: Iterable[Output], dead: Iterable[DeadLetter] = ()) -> None:
        """Encode outputs and send them; returns once the log has them all."""
        await self.send(self.encode(outputs, dead))
        await self.settle()

    async def send(self, records: Records) -> None:
        """Return once records are on their way, which are the only ones then."""
        await self.settle()
        if records:
            self._sending = asyncio.create_task(self._append(records))

    async def _append(self, records: Records) -> None:
        self.written.update(await self._log.append(records))

    async def leave(self) -> None:
        """Return once what is on its way has left the process: computing would delay it."""
        if self._sending is not None:
            for _ in range(TURNS_TO_SOCKET):
                await asyncio.sleep(0)

    async def settle(self) -> None:
        """Return once the log has all that was sent. Raises what `Log.append` raises."""
        if self._sending is None:
            return
        # Whoever is cancelled here leaves it on its way.
        await asyncio.wait((self._sending,))
        if self._sending.cancelled():
            # Not as a cancellation of who waits, which would end without a word.
            raise RuntimeError("what was sent to the log was given up")
        self._sending.result()
        self._sending = None

    async def give_up(self) -> None:
        """Let nothing more of what was sent leave; returns once nothing does."""
        if self._sending is not None:
            self._sending.cancel()
            await asyncio.wait((self._sending,))

    def encode(self, outputs: Iterable[Output], dead: Iterable[DeadLetter] = ()) -> Records:
        """The records of what is not published yet; to be sent in the order they are made in."""
        records = self._records(outputs)
        letters = [
            Record(letter.key, letter.kept, letter.headers)
            for letter in dead
            if not self._is_found(letter.edge, letter.seq)
        ]
        if letters:
            records[DEAD_LETTERS, 0] = letters
        return records

    def _records(self, outputs: Iterable[Output]) -> Records:
        """Encode what is not published yet, in the order it was put out for each partition."""
        if self._found or self._silent_until:
            outputs = [each for each in outputs if not self._is_found(edge_of(each), each.seq)]
        grouped: dict[Place, list[Output]] = {}
        for output in outputs:
            place = (output.topic, output.partition)
            group = grouped.get(place)
            if group is None:
                grouped[place] = [output]
            else:
                group.append(output)
        return {place: self._encoded(place[0], group) for place, group in grouped.items()}

    def _encoded(self, topic: Topic, outputs: list[Output]) -> list[Record]:
        if topic.content_type == MESSAGEPACK:
            return list(_frames(outputs))
        if topic.public:
            return [self._public(output) for output in outputs]
        return [
            Record(output.key.encode(), encode_event(output.message), [])  # type: ignore[arg-type]
            for output in outputs
        ]

    def _is_found(self, edge: Edge, seq: int) -> bool:
        found = self._found.pop(edge, None)
        if found is not None:
            # What this worker knew of the edge may be from when it held the partition before.
            before = max(self._silent_until.get(edge, 0), seq - 1)
            self._silent_until[edge] = last_of(found, before)
        until = self._silent_until.get(edge)
        if until is None:
            return False
        if seq <= until:
            return True
        del self._silent_until[edge]
        return False

    def _public(self, output: Output) -> Record:
        """A record with CloudEvents' attributes, in the binary mode of its Kafka binding.

        The id repeats over the candles of one trade; with the source, which names the interval, it
        is unique, as CloudEvents asks.
        """
        edge = edge_of(output)
        common = self._headers.get(edge)
        if common is None:
            common = self._headers[edge] = self._common_headers(output, edge)
        version, kind, source, content = common
        key = output.key.encode()
        named = ("ce_id", b"%b:%d" % (key, output.seq))
        value = encode_event(output.message)  # type: ignore[arg-type]
        return Record(key, value, [version, named, kind, source, content])

    def _common_headers(self, output: Output, edge: Edge) -> tuple[Header, Header, Header, Header]:
        """What the records of an edge have in common."""
        return (
            ("ce_specversion", b"1.0"),
            ("ce_type", output.topic.name(self._venue).encode()),
            ("ce_source", f"/{self._venue}/markets/{edge.source}".encode()),
            ("content-type", output.topic.content_type.encode()),
        )


def _frames(outputs: list[Output]) -> Iterator[Record]:
    """Cut one partition's commands, numbered without a gap, into frames of bounded size."""
    rest = iter(outputs)
    while group := list(islice(rest, FRAME_COMMANDS_MAX)):
        yield from _within_size(group)


def _within_size(group: list[Output]) -> Iterator[Record]:
    first = group[0]
    frame: Frame[Any] = Frame(
        FRAME_VERSION, first.source, first.seq, [output.message for output in group]
    )
    value = encode_frame(frame)
    if len(value) <= FRAME_BYTES_MAX or len(group) == 1:
        yield Record(first.key.encode(), value, [])
    else:
        half = len(group) // 2
        yield from _within_size(group[:half])
        yield from _within_size(group[half:])
