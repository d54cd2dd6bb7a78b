"""How far a worker has come on its way back, for those who wait for it."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from enum import StrEnum

from infra.health import Health
from streams.runtime.checkpoints import Held

SAY_EVERY_S = 5.0

log = logging.getLogger(__name__)


class Phase(StrEnum):
    """What a worker is doing, in the order in which it does it."""

    CHECKPOINT = "checkpoint"
    OUTPUTS = "outputs"
    ARCHIVE = "archive"
    LOG = "log"
    READY = "ready"


class Progress:
    """Tells a worker's recovery in its health's details, and now and then in its log.

    `replayed` and `records_behind` are records of all its partitions together: those taken since
    it came back, and those left up to where the log ended then.
    """

    def __init__(self, role: str, health: Health) -> None:
        self._role = role
        self._health = health
        self._phase = Phase.CHECKPOINT
        self._say_at = 0.0

    @property
    def is_ready(self) -> bool:
        return self._phase is Phase.READY

    def enter(self, phase: Phase, held: Mapping[int, Held]) -> None:
        """A new phase begins, of one partition or of all."""
        self._phase = phase
        self.tell(held)

    def tell(self, held: Mapping[int, Held]) -> None:
        """Say how things stand; once nothing is left that the log had, the worker is ready."""
        behind = sum(each.behind for each in held.values())
        if self._phase is Phase.LOG and not behind:
            self._phase = Phase.READY
        self._health.ready = self.is_ready
        replayed = sum(each.replayed for each in held.values())
        self._health.details = {
            "partitions": sorted(held),
            "phase": self._phase.value,
            "replayed": replayed,
            "records_behind": behind,
        }
        now = time.monotonic()
        if behind and now >= self._say_at:
            self._say_at = now + SAY_EVERY_S
            log.info("%s: %s, %d replayed, %d left", self._role, self._phase, replayed, behind)

    def waits(self) -> None:
        """The database is away."""
        self._health.details = {"phase": self._phase.value, "waits_for": ["database"]}
