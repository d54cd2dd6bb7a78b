"""Where the live machines stand, as their workers tell it.

A worker answers between two batches, when all that follows from its position is acknowledged. So
whatever a machine sent up to there lies on the log, for whoever asks afterwards.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from typing import Self

import httpx
import msgspec

from infra.verify.checks import CannotVerify
from streams.runtime.role import Role

ANSWER_LIMIT_S = 90.0
"""The digest of a large state takes its worker seconds, and it answers after its batch."""

READY_LIMIT_S = 60.0
POLL_S = 0.2


class Standing(msgspec.Struct, frozen=True):
    """A live machine: the offset of its next record, and the digest of its state there."""

    partition: int
    position: int
    digest: str


class _Answer(msgspec.Struct, frozen=True):
    role: str
    partitions: list[Standing]


class Workers:
    """The workers of a running system, by the addresses of their health servers."""

    def __init__(self, http: httpx.AsyncClient, urls: Iterable[str]) -> None:
        self._http = http
        self._urls = list(urls)

    @classmethod
    def at(cls, urls: Iterable[str]) -> Self:
        return cls(httpx.AsyncClient(timeout=ANSWER_LIMIT_S), urls)

    async def close(self) -> None:
        await self._http.aclose()

    async def standings(self, role: Role, partitions: int) -> dict[int, Standing]:
        """Where each partition's machine of a role stands, once all of them have caught up.

        Raises `CannotVerify` when that takes too long.
        """
        deadline = time.monotonic() + READY_LIMIT_S
        while True:
            found: dict[int, Standing] = {}
            for url in self._urls:
                for standing in await self._ask(url, role):
                    known = found.get(standing.partition)
                    # Where partitions just move, the one who gives up may still answer.
                    if known is None or known.position < standing.position:
                        found[standing.partition] = standing
            missing = set(range(partitions)) - found.keys()
            if not missing:
                return found
            if time.monotonic() > deadline:
                raise CannotVerify(f"no worker of {role.name} is ready with {sorted(missing)}")
            await asyncio.sleep(POLL_S)

    async def _ask(self, url: str, role: Role) -> list[Standing]:
        """What a worker holds; nothing if it is of another role, away, or still catching up."""
        try:
            ready = await self._http.get(f"{url}/ready")
            if ready.status_code != httpx.codes.OK:
                return []
            response = await self._http.get(f"{url}/digests")
            response.raise_for_status()
        except httpx.HTTPError:
            return []
        answer = msgspec.json.decode(response.content, type=_Answer)
        return answer.partitions if answer.role == role.name else []
