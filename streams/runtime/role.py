"""What distinguishes one worker from another: what it reads, what it writes, and its machine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from infra.settings import Settings
from streams.outputs import Processor
from streams.topics import DEAD_LETTERS, Topic


@dataclass(frozen=True, slots=True)
class Role:
    """One kind of worker. `new` makes the empty state of a partition of `source`.

    `tick` is a record for a partition of `source` that has been quiet, where the machine does
    anything as time passes. For `gather_s` records may gather behind those taken last: longer than
    nothing only where what is said of many together costs less than of each.
    """

    name: str
    source: Topic
    targets: tuple[Topic, ...]
    new: Callable[[int, Settings], Processor]
    tick: bytes | None = None
    gather_s: float = 0.0

    def partitions(self, settings: Settings) -> int:
        """How many partitions its source has."""
        return self.source.partitions(settings.account_partitions, settings.market_partitions)

    def written(self, partition: int, settings: Settings) -> Iterator[tuple[Topic, int]]:
        """The partitions that the machine of one source partition may write to."""
        for topic in self.targets:
            if topic.spread is self.source.spread:
                yield topic, partition
            else:
                count = topic.partitions(settings.account_partitions, settings.market_partitions)
                for target in range(count):
                    yield topic, target
        yield DEAD_LETTERS, 0
