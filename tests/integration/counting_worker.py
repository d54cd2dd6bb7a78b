"""A worker with the smallest machine there is, for tests of the runtime alone.

It counts the records of its partition and says so on `updates`, and on `orders` as a cancel; a
record that begins with `!` is malformed, and `~5` makes it compute for five seconds.
"""

from __future__ import annotations

import hashlib
import sys
import time
from collections.abc import Iterable, Iterator

from infra.settings import Settings
from streams.messages import (
    AccountId,
    AccountOpened,
    Cancel,
    Cause,
    MarketId,
    Millis,
    Offset,
    OrderId,
    RequestId,
    Sequence,
)
from streams.outputs import MalformedRecord, Output
from streams.runtime import worker
from streams.runtime.role import Role
from streams.topics import COMMANDS, ORDERS, UPDATES

ACCOUNT = AccountId("counter")
MARKET = MarketId("COUNTER")


class Counter:
    """Its state is how many records it took, and a digest over all of them."""

    def __init__(self, partition: int) -> None:
        self.partition = partition
        self.source = f"counter:{partition}"
        self.count = 0
        self.chain = ""

    def retake(self, offset: int, at: int, value: bytes) -> None:
        self.apply(offset, at, value)

    def apply(self, offset: int, at: int, value: bytes) -> list[Output]:
        if value.startswith(b"!"):
            raise MalformedRecord("it begins with an exclamation mark")
        if value.startswith(b"~"):
            _compute(float(value[1:]))
        self.count += 1
        self.chain = chained(self.chain, value)
        seq = Sequence(self.count)
        opened = AccountOpened(
            source=self.source,
            seq=seq,
            at=Millis(at),
            cause=Cause(self.partition, Offset(offset), 0),
            account=AccountId(self.chain),
            request=RequestId(self.count),
        )
        cancel = Cancel(RequestId(self.count), OrderId(self.count), ACCOUNT, MARKET)
        return [
            Output(UPDATES, self.partition, ACCOUNT, self.source, seq, opened),
            Output(ORDERS, 0, MARKET, self.source, seq, cancel),
        ]

    def snapshot(self) -> Iterator[bytes]:
        yield f"{self.count} {self.chain}".encode()

    def restore(self, chunks: Iterable[bytes]) -> None:
        count, self.chain = b"".join(chunks).decode().split(" ")
        self.count = int(count)

    def digest(self) -> str:
        return self.chain


def _compute(seconds: float) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        pass


def chained(chain: str, value: bytes) -> str:
    """The digest after one more record."""
    return hashlib.blake2b(chain.encode() + value, digest_size=8).hexdigest()


ROLE = Role("counting", COMMANDS, (ORDERS, UPDATES), lambda partition, _: Counter(partition))


if __name__ == "__main__":
    worker.run(ROLE, Settings.model_validate_json(sys.argv[1]))
