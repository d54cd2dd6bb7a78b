"""Records that were not what their topic carries, kept as they were with the reason beside them."""

from __future__ import annotations

from dataclasses import dataclass

from streams.runtime.names import Edge, Name
from streams.runtime.ports import Kept
from streams.topics import DEAD_LETTERS, Topic

REASON_BYTES_MAX = 1024
VALUE_BYTES_MAX = 4 * 1024 * 1024 - 64 * 1024
"""What the broker has room for beside a letter's key, its headers and its envelope."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A record that a machine could not take, and where it lies.

    One as large as the broker takes is too large with its headers: it is cut, and its header `size`
    tells.
    """

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
    def kept(self) -> bytes:
        """What of the record is kept."""
        return self.value[:VALUE_BYTES_MAX]

    @property
    def headers(self) -> list[tuple[str, bytes]]:
        headers = [
            ("reason", self.reason.encode()[:REASON_BYTES_MAX]),
            ("topic", self.topic.short.encode()),
            ("partition", str(self.partition).encode()),
            ("offset", str(self.offset).encode()),
        ]
        if len(self.value) > VALUE_BYTES_MAX:
            headers.append(("size", str(len(self.value)).encode()))
        return headers

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
