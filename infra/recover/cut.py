"""The consistent cut: how far into each archive machines may go so that they fit together. Pure.

Archives of different partitions end at different places. A market's may hold orders that its
ledger's archive does not account for, a ledger's settlements of trades that their market's has not.
In a consistent cut nobody has taken a message that its sender has not sent. Prefixes that fit stay
prefixes that fit when both are cut where either is, so there is one largest cut, and cutting off
what does not fit, again and again until nothing changes, finds it.

What a sender had sent and its receiver has not taken within the cut was on its way; it is made
again. So each machine must have come from a checkpoint that stands before its first such message,
and before its end in the cut; where one does not, it is too young.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple


class Counter:
    """A number that rises while a machine takes its records, and where it does."""

    def __init__(self, before: int = 0) -> None:
        self.before = before
        self._positions: list[int] = []
        self._numbers: list[int] = []

    @property
    def last(self) -> int:
        return self._numbers[-1] if self._numbers else self.before

    def rise(self, position: int, number: int) -> None:
        """It is `number` for who stands at `position` (the offset of the next record) or later."""
        if number != self.last:
            self._positions.append(position)
            self._numbers.append(number)

    def at(self, position: int) -> int:
        """What it is for who stands there."""
        index = bisect_right(self._positions, position)
        return self._numbers[index - 1] if index else self.before

    def furthest(self, limit: int) -> int | None:
        """The last position before it goes above a limit, as it must; None where it was above it
        from the beginning.
        """
        if self.before > limit:
            return None
        return self._positions[bisect_right(self._numbers, limit)] - 1


@dataclass(slots=True)
class Path:
    """A machine's way through its archive: from the position of its checkpoint to the end.

    `taken` counts, by sender, the last of its messages that was taken, `sent` by receiver the last
    that was sent to it. Machines are called as they call themselves, `ledger:0`, `matching:3`.
    """

    start: int
    end: int
    taken: dict[str, Counter] = field(default_factory=dict)
    sent: dict[str, Counter] = field(default_factory=dict)


class Limit(NamedTuple):
    """Why a machine ends where it does: `sender` had sent no more than its message `number`."""

    sender: str
    number: int


@dataclass(slots=True)
class Cut:
    """Where each machine ends, why if not at its archive's end, and which came too young."""

    ends: dict[str, int]
    limits: dict[str, Limit] = field(default_factory=dict)
    too_young: set[str] = field(default_factory=set)


def consistent_cut(paths: Mapping[str, Path]) -> Cut:
    """The largest cut in which nobody has taken what was not sent.

    It holds only if nobody is `too_young`; else those must come from older checkpoints first.
    """
    cut = Cut({name: path.end for name, path in paths.items()})
    while _shrink(cut, paths):
        pass
    for sender, receiver, edge in _edges(paths):
        if edge.sent.before > edge.taken.at(cut.ends[receiver]):
            cut.too_young.add(sender)
    return cut


class _Edge(NamedTuple):
    sent: Counter
    taken: Counter


def _edges(paths: Mapping[str, Path]) -> Iterator[tuple[str, str, _Edge]]:
    for receiver, path in paths.items():
        for sender, taken in path.taken.items():
            yield sender, receiver, _Edge(paths[sender].sent[receiver], taken)


def _shrink(cut: Cut, paths: Mapping[str, Path]) -> bool:
    """Cut off what does not fit what there is of the others now; whether anything did not."""
    changed = False
    for sender, receiver, edge in _edges(paths):
        limit = edge.sent.at(cut.ends[sender])
        if edge.taken.at(cut.ends[receiver]) <= limit:
            continue
        furthest = edge.taken.furthest(limit)
        if furthest is None:
            cut.too_young.add(receiver)
            furthest = paths[receiver].start
        if furthest < cut.ends[receiver]:
            cut.ends[receiver], changed = furthest, True
            cut.limits[receiver] = Limit(sender, limit)
    return changed
