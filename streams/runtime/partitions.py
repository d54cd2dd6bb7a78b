"""The machines of the partitions a worker holds: brought up, driven, given up."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from infra.health import Health
from infra.settings import Settings
from streams.outputs import MalformedRecord, Output, Processor
from streams.runtime.dead_letters import DeadLetter
from streams.runtime.names import Edge
from streams.runtime.published import end_offsets, last_published
from streams.runtime.publisher import Publisher
from streams.runtime.role import Role

log = logging.getLogger(__name__)


class PositionError(RuntimeError):
    """The log gave a record that does not follow the last one; going on would lose orders."""


@dataclass(slots=True)
class Held:
    """A partition this worker holds.

    `position` is the offset of the next record for its machine; up to `end`, where the log ended
    when the partition was assigned, the machine is catching up.
    """

    machine: Processor
    position: int = 0
    end: int = 0


class Partitions:
    """Drives one machine for each partition held, and publishes before it acknowledges."""

    def __init__(
        self, role: Role, settings: Settings, publisher: Publisher, health: Health
    ) -> None:
        self._role = role
        self._settings = settings
        self._publisher = publisher
        self._health = health
        self.held: dict[int, Held] = {}
        # A rebalance may come while a batch is being published; recovery waits for its end.
        self._turn = asyncio.Lock()

    async def assign(self, partitions: Iterable[int]) -> dict[int, int]:
        """Hold exactly these; returns where to read each from."""
        async with self._turn:
            wanted = set(partitions)
            for partition in self.held.keys() - wanted:
                del self.held[partition]
            for partition in wanted - self.held.keys():
                self.held[partition] = Held(self._role.new(partition, self._settings))
            self._publisher.silent_until = await self._published(wanted)
            for partition, end in (await self._ends(wanted)).items():
                self.held[partition].end = end
            self._tell_progress()
            positions = {partition: self.held[partition].position for partition in wanted}
            log.info("%s holds %s", self._role.name, positions)
            return positions

    async def _ends(self, partitions: set[int]) -> dict[int, int]:
        return await end_offsets(self._settings, self._role.source, partitions)

    def _tell_progress(self) -> None:
        behind = sum(max(held.end - held.position, 0) for held in self.held.values())
        self._health.ready = not behind
        self._health.details = {"partitions": sorted(self.held), "records_behind": behind}

    async def _published(self, partitions: set[int]) -> dict[Edge, int]:
        written = {
            place
            for partition in partitions
            for place in self._role.written(partition, self._settings)
        }
        return await last_published(self._settings, written) if written else {}

    async def process(self, partition: int, records: list[Any]) -> None:
        """Apply a polled batch and publish what follows from it; returns once the log has it.

        Whatever is raised here must end the process: the state is ahead of what is published.
        """
        async with self._turn:
            held = self.held.get(partition)
            if held is None:
                return  # it was polled before a rebalance took the partition away
            outputs: list[Output] = []
            dead: list[DeadLetter] = []
            for record in records:
                if record.offset < held.position:
                    continue
                if record.offset > held.position:
                    raise PositionError(
                        f"{self._role.source.short}/{partition}: "
                        f"expected offset {held.position}, got {record.offset}"
                    )
                held.position = record.offset + 1
                try:
                    value = record.value if record.value is not None else b""
                    outputs += held.machine.apply(record.offset, record.timestamp, value)
                except MalformedRecord as error:
                    dead.append(self._dead_letter(partition, record, error))
            await self._publisher.publish(outputs, dead)
            if not self._health.ready:
                self._tell_progress()

    def _dead_letter(self, partition: int, record: Any, error: MalformedRecord) -> DeadLetter:
        letter = DeadLetter(
            self._role.source, partition, record.offset, record.value or b"", str(error)
        )
        log.warning("dead letter %s@%s: %s", letter.edge.source, letter.offset, letter.reason)
        return letter
