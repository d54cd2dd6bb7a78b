"""Reads back, off a worker's output partitions, what it has published.

Who may write to a topic can claim any source there. A receiver drops a frame that does not follow
what it took from its source; the sender, finding it, must not count it as its own either, or it
would be silent about commands that nobody has. So what is read back is kept as runs of names, and
which of them count is seen once it is known where the sender's own numbering stands.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from streams.runtime.dead_letters import name_of_dead_letter
from streams.runtime.names import Edge, name_of
from streams.runtime.ports import Log, Place
from streams.topics import DEAD_LETTERS


class Run(NamedTuple):
    """Names of one edge that follow one another."""

    first: int
    last: int


def join(runs: list[Run], run: Run) -> None:
    """Add what was read next; names that follow those read before make one run with them."""
    if runs and runs[-1].first <= run.first <= runs[-1].last + 1:
        before = runs.pop()
        run = Run(before.first, max(before.last, run.last))
    runs.append(run)


def last_of(runs: Iterable[Run], before: int) -> int:
    """The last name that a receiver took, which had taken those up to `before` already."""
    last = before
    for run in runs:
        if run.first <= last + 1:
            last = max(last, run.last)
    return last


async def published(log: Log, starts: Mapping[Place, int]) -> dict[Edge, list[Run]]:
    """The names of each edge at these places, looking from these offsets to the end."""
    found: dict[Edge, list[Run]] = {}
    async for (topic, partition), records in log.read(starts):
        for record in records:
            if topic is DEAD_LETTERS:
                name = name_of_dead_letter(record)
            else:
                name = name_of(topic, record.value)
            if name is None:
                continue
            for source in filter(None, (name.source, name.after)):
                runs = found.setdefault(Edge(topic.short, partition, source), [])
                join(runs, Run(name.first, name.last))
    return found
