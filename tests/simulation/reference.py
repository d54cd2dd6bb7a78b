"""The plain truth: each machine alone, fed its records once, from the first to the last."""

from __future__ import annotations

from collections.abc import Container, Iterable
from dataclasses import dataclass, field

from infra.settings import Settings
from streams.outputs import MalformedRecord, Output, Processor, Sampled
from streams.runtime.ports import Kept
from streams.runtime.role import Role


@dataclass
class Replay:
    """A machine after its records, what followed from them, and its digest at some positions."""

    machine: Processor
    outputs: list[Output] = field(default_factory=list)
    refused: dict[int, str] = field(default_factory=dict)
    digests: dict[int, str] = field(default_factory=dict)


def replay(
    role: Role,
    settings: Settings,
    partition: int,
    records: Iterable[Kept],
    digests_at: Container[int] = (),
) -> Replay:
    """Feed an empty machine; of one that is sampled, say every state there is."""
    found = Replay(role.new(partition, settings))
    go_on(found, records, digests_at)
    return found


def go_on(found: Replay, records: Iterable[Kept], digests_at: Container[int] = ()) -> None:
    """Feed a machine further."""
    machine = found.machine
    take = machine.observe if isinstance(machine, Sampled) else machine.apply
    for record in records:
        try:
            found.outputs += take(record.offset, record.at, record.value)
        except MalformedRecord as error:
            found.refused[record.offset] = str(error)
        if isinstance(machine, Sampled):
            found.outputs += machine.sample()
        if record.offset + 1 in digests_at:
            found.digests[record.offset + 1] = machine.digest()
