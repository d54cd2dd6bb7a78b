"""What a machine's partition hands to the runtime, and the port through which it is driven."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from hashlib import blake2b
from typing import Protocol, runtime_checkable

import msgspec

from streams.messages import AccountCommand, MarketCommand, Sequence, Update
from streams.messages.events import PublicEvent
from streams.topics import Topic


class MalformedRecord(ValueError):
    """A record that is not what its topic carries. It goes to `dead-letters`; nothing changed."""


class Output(msgspec.Struct, frozen=True, gc=False):
    """A message for one partition of a topic, named by (source, seq) there.

    Names follow from the input alone, so a replay makes them again and a receiver drops those at
    or below its watermark for the source. Within one topic partition a source's `seq` rises;
    where `message` is a command it rises by one.
    """

    topic: Topic
    partition: int
    key: str
    source: str
    seq: Sequence
    message: AccountCommand | MarketCommand | Update | PublicEvent


class SnapshotMismatch(ValueError):
    """A snapshot of another version, another partition or another venue, or none at all."""


def state_digest(chunks: Iterable[bytes]) -> str:
    """A hash of a state, from the chunks of its snapshot."""
    digest = blake2b(digest_size=16)
    for chunk in chunks:
        digest.update(chunk)
    return digest.hexdigest()


class Processor(Protocol):
    """The state of one partition: a function of its records, in order, and of nothing else."""

    def apply(self, offset: int, at: int, value: bytes) -> list[Output]:
        """Take the record at `offset`, stamped `at` by the log, and say what follows from it.

        Raises `MalformedRecord`, having changed nothing but its position.
        """
        ...

    def retake(self, offset: int, at: int, value: bytes) -> None:
        """Take a record as `apply` does, or `observe`, where all that follows from it is said."""
        ...

    def snapshot(self) -> Iterator[bytes]:
        """The whole state, in canonical form, as chunks of bounded size."""
        ...

    def restore(self, chunks: Iterable[bytes]) -> None:
        """Become the state that `snapshot` gave; only for a new processor.

        Raises `SnapshotMismatch`, or another error where the chunks are not what was given.
        """
        ...

    def digest(self) -> str:
        """A hash of the state; equal states have equal digests."""
        ...


@runtime_checkable
class Sampled(Processor, Protocol):
    """A processor that says states, of which its driver needs only the newest.

    `apply` is `observe` and `sample` in one. What a name says is the same however often is sampled;
    only which names are said differs.
    """

    def observe(self, offset: int, at: int, value: bytes) -> list[Output]:
        """Take a record as `apply` does; say only states that no later record changes."""
        ...

    def sample(self) -> list[Output]:
        """Say the states that changed since this was last called."""
        ...
