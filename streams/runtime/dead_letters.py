"""Records that were not what their topic carries, kept as they were with the reason beside them."""

from __future__ import annotations

from dataclasses import dataclass

from streams.runtime.names import Edge, Name
from streams.runtime.ports import Kept
from streams.topics import DEAD_LETTERS, Topic


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A record that a machine could not take, and where it lies."""

    topic: Topic
    partition: int
    offset: int
    value: bytes
    reason: str

    @property
    def key(self) -> bytes:
        """Its source, `orders/3`."""
        return f"{self.topic.short}/{self.partition}".encode()

    @property
    def headers(self) -> list[tuple[str, bytes]]:
        return [
            ("reason", self.reason.encode()[:1024]),
            ("topic", self.topic.short.encode()),
            ("partition", str(self.partition).encode()),
            ("offset", str(self.offset).encode()),
        ]

    @property
    def edge(self) -> Edge:
        return Edge(DEAD_LETTERS.short, 0, self.key.decode())

    @property
    def seq(self) -> int:
        """Its number on its edge: sequences start at 1, offsets at 0."""
        return self.offset + 1


def name_of_dead_letter(record: Kept) -> Name | None:
    """The name of a record of `dead-letters`; None if it is none of ours."""
    headers = dict(record.headers)
    offset = headers.get("offset", b"")
    if not offset.isdigit():
        return None
    return Name(record.key.decode(errors="replace"), 0, int(offset) + 1)
