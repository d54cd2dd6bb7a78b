"""Fetch the jars that the lock names, and make the lock.

`python -m infra.local.jars lock` resolves each node's dependencies and writes `jars.lock`;
`python -m infra.local.jars install` fetches what a cache lacks, which `velocity up` does by itself.
"""

from __future__ import annotations

import asyncio
import hashlib
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

import httpx

from infra.local import lockfile
from infra.local.lockfile import Jar
from infra.local.progress import Progress, progress

NODES = {
    "kafka": "org.apache.kafka:kafka_2.13:4.1.0",
    "cassandra": "org.apache.cassandra:cassandra-all:5.0.6",
}
"""What each node is, by its Maven coordinate."""

CONNECTIONS = 8  # more gain nothing: the line is full, and a repository may throttle
ATTEMPTS = 4
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
    with tempfile.NamedTemporaryFile(dir=folder, prefix=".part-", delete=False) as part:
        path = Path(part.name)
    try:
        found = await _download(client, jar, path, shown)
        if found.sha256 != jar.sha256:
            raise DownloadError(
                f"{jar.coordinate} has the wrong checksum: {found.sha256}, locked {jar.sha256}"
            )
        path.rename(folder / jar.filename)
    finally:
        path.unlink(missing_ok=True)


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
            await asyncio.sleep(2**attempt / 2)  # seconds: 1, 2, 4
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


def lock() -> dict[str, list[Jar]]:
    """Resolve each node's jars anew, and read off their checksums."""
    return {node: asyncio.run(_measure(_resolve(NODES[node]))) for node in NODES}


def _resolve(coordinate: str) -> list[str]:
    import jgo

    found = []
    for jar in jgo.resolve(coordinate):
        parts = [jar.groupId, jar.artifactId, jar.version]
        if jar.classifier:
            parts.append(jar.classifier)
        found.append(":".join(parts))
    return found


async def _measure(coordinates: list[str]) -> list[Jar]:
    gate = asyncio.Semaphore(CONNECTIONS)
    with tempfile.TemporaryDirectory() as folder, progress("jars", None) as shown:
        async with _client() as client:

            async def measure(jar: Jar) -> Jar:
                async with gate:
                    return await _download(client, jar, Path(folder, jar.filename), shown)

            unmeasured = [Jar(coordinate, "", 0) for coordinate in coordinates]
            return list(await asyncio.gather(*map(measure, unmeasured)))


def main(command: str) -> None:
    """Run one of the two commands of this module."""
    match command:
        case "lock":
            lockfile.LOCK.write_text(lockfile.render(lock()))
        case "install":
            from infra.settings import settings

            for jars in lockfile.read().values():
                install(jars, settings().cache / "jars")
        case _:
            sys.exit(f"unknown command {command!r}: lock or install")


if __name__ == "__main__":
    main(*sys.argv[1:])
