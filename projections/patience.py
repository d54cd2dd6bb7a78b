"""Waiting for servers that are away, and saying so."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator
from typing import TypeVar

from aiokafka.errors import KafkaError, KafkaTimeoutError

from projections.session import DatabaseUnavailable

PAUSE_MIN_S = 0.05
PAUSE_MAX_S = 5.0

Result = TypeVar("Result")

log = logging.getLogger(__name__)


class Faults:
    """Which servers somebody needs are away, and why; `changed` is called when that changes."""

    def __init__(self, whose: str, changed: Callable[[], None]) -> None:
        self.whose = whose
        self.changed = changed
        self.reasons: dict[str, str] = {}

    def failed(self, server: str, reason: str) -> None:
        if server not in self.reasons:
            log.warning("%s: %s is away: %s", self.whose, server, reason)
        self.reasons[server] = reason
        self.changed()

    def recovered(self, server: str) -> None:
        if self.reasons.pop(server, None) is not None:
            log.info("%s: %s is back", self.whose, server)
            self.changed()


async def until_done(act: Callable[[], Awaitable[Result]], server: str, faults: Faults) -> Result:
    """Act until it works. While its server is away, note the fault and try again, ever more slowly.

    Raises any error that waiting will not cure.
    """
    for pause_s in _pauses():
        try:
            result = await act()
        except (DatabaseUnavailable, KafkaError, TimeoutError) as error:
            if not will_pass(error):
                raise
            faults.failed(server, str(error) or repr(error))
            await asyncio.sleep(pause_s)
        else:
            break
    faults.recovered(server)
    return result


def will_pass(error: Exception) -> bool:
    """Whether an error says that a server is away, rather than that it refuses."""
    if isinstance(error, KafkaError):
        return bool(error.retriable) or isinstance(error, KafkaTimeoutError)
    return isinstance(error, DatabaseUnavailable | TimeoutError)


def _pauses() -> Iterator[float]:
    pause_s = PAUSE_MIN_S
    while True:
        yield pause_s
        pause_s = min(pause_s * 2, PAUSE_MAX_S)
