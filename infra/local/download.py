"""Fetch jars from the central Maven repository, by their checksums."""

from __future__ import annotations

import asyncio
import hashlib
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from infra.local.lockfile import Jar
from infra.local.progress import Progress, progress

CONNECTIONS = 8  # more gain nothing: the line is full, and a repository may throttle
ATTEMPTS = 4
BACKOFF_S = 1.0  # before the second attempt; doubled before each further one
TIMEOUT = httpx.Timeout(30)  # of each read, not of the whole file
CHUNK_BYTES = 1 << 16


class DownloadError(Exception):
    """A jar could not be fetched, or is not the one that was locked."""


def install(jars: Iterable[Jar], folder: Path) -> list[Path]:
    """Bring the jars into the folder, and return their paths in the same order.

    What is there already was verified when it came: a file gets its name only once its checksum
    is right. Raises `DownloadError`.
    """
    wanted = list(jars)
    missing = [jar for jar in dict.fromkeys(wanted) if not (folder / jar.filename).exists()]
    if missing:
        folder.mkdir(parents=True, exist_ok=True)
        with progress("jars", sum(jar.size_bytes for jar in missing)) as shown:
            asyncio.run(_fetch_all(missing, folder, shown))
    return [folder / jar.filename for jar in wanted]


async def _fetch_all(jars: list[Jar], folder: Path, shown: Progress) -> None:
    gate = asyncio.Semaphore(CONNECTIONS)
    async with _client() as client:

        async def fetch(jar: Jar) -> None:
            async with gate:
                await _fetch(client, jar, folder, shown)

        try:
            async with asyncio.TaskGroup() as tasks:
                # The largest first, so that none is left running alone at the end.
                for jar in sorted(jars, key=lambda jar: -jar.size_bytes):
                    tasks.create_task(fetch(jar))
        except* DownloadError as errors:
            raise errors.exceptions[0] from None


async def _fetch(client: httpx.AsyncClient, jar: Jar, folder: Path, shown: Progress) -> None:
    with _part(folder) as part:
        found = await _download(client, jar, part, shown)
        if found.sha256 != jar.sha256:
            raise DownloadError(
                f"{jar.coordinate} has the wrong checksum: {found.sha256}, locked {jar.sha256}"
            )
        os.replace(part, folder / jar.filename)


@contextmanager
def _part(folder: Path) -> Iterator[Path]:
    """A file to download into, on the same file system; gone afterwards unless it was renamed."""
    with tempfile.NamedTemporaryFile(dir=folder, prefix=".part-", delete=False) as file:
        part = Path(file.name)
    try:
        yield part
    finally:
        part.unlink(missing_ok=True)


async def _download(client: httpx.AsyncClient, jar: Jar, path: Path, shown: Progress) -> Jar:
    """Fetch one jar into a file and say what came: the jar with its real checksum and size."""
    for attempt in range(1, ATTEMPTS + 1):
        received = 0
        digest = hashlib.sha256()
        try:
            async with client.stream("GET", jar.path) as response:
                response.raise_for_status()
                with path.open("wb") as file:
                    async for chunk in response.aiter_bytes(CHUNK_BYTES):
                        file.write(chunk)
                        digest.update(chunk)
                        received += len(chunk)
                        shown.advance(len(chunk))
            return Jar(jar.coordinate, digest.hexdigest(), received)
        except httpx.HTTPError as error:
            shown.advance(-received)
            if attempt == ATTEMPTS or _is_final(error):
                raise DownloadError(f"{jar.coordinate} could not be fetched: {error!r}") from error
            await asyncio.sleep(BACKOFF_S * 2 ** (attempt - 1))
    raise AssertionError("the last attempt returns or raises")


def _is_final(error: httpx.HTTPError) -> bool:
    """Whether asking again would be answered the same."""
    return (
        isinstance(error, httpx.HTTPStatusError)
        and error.response.is_client_error
        and error.response.status_code != httpx.codes.TOO_MANY_REQUESTS
    )


def _client() -> httpx.AsyncClient:
    from jgo.constants import MAVEN_CENTRAL_URL

    return httpx.AsyncClient(base_url=MAVEN_CENTRAL_URL, timeout=TIMEOUT, follow_redirects=True)


async def measure(coordinates: Iterable[str]) -> list[Jar]:
    """Fetch jars that are not locked yet, for their checksums and sizes. Raises `DownloadError`."""
    gate = asyncio.Semaphore(CONNECTIONS)
    with tempfile.TemporaryDirectory() as folder, progress("jars", None) as shown:
        async with _client() as client:

            async def fetch(jar: Jar) -> Jar:
                async with gate:
                    return await _download(client, jar, Path(folder, jar.filename), shown)

            unmeasured = [Jar(coordinate, "", 0) for coordinate in coordinates]
            return list(await asyncio.gather(*map(fetch, unmeasured)))
