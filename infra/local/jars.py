"""Make the lock of the jars, or fetch what it names.

`python -m infra.local.jars lock` resolves what each node depends on and writes `jars.lock`;
`python -m infra.local.jars install` fills the cache, which `velocity up` otherwise does.
"""

from __future__ import annotations

import asyncio
import sys
from itertools import chain

from infra.local import download, lockfile
from infra.local.lockfile import Jar

NODES = {
    # Kafka's own libraries name no logging backend; its distribution adds this one.
    "kafka": [
        "org.apache.kafka:kafka_2.13:4.1.0",
        "org.apache.logging.log4j:log4j-slf4j-impl:2.24.3",
    ],
    "cassandra": ["org.apache.cassandra:cassandra-all:5.0.6"],
}
"""What each node is made of, by Maven coordinates."""


def lock() -> dict[str, list[Jar]]:
    """Resolve each node's jars anew, and take down their checksums."""
    return {node: asyncio.run(download.measure(_resolve(NODES[node]))) for node in NODES}


def _resolve(coordinates: list[str]) -> list[str]:
    import jgo

    found = []
    for jar in chain.from_iterable(map(jgo.resolve, coordinates)):
        parts = [jar.groupId, jar.artifactId, jar.version, jar.classifier]
        found.append(":".join(filter(None, parts)))
    return list(dict.fromkeys(found))


def main(command: str) -> None:
    """Run one of the two commands of this module."""
    match command:
        case "lock":
            lockfile.LOCK.write_text(lockfile.render(lock()))
        case "install":
            from infra.settings import settings

            for jars in lockfile.read().values():
                download.install(jars, settings().cache / "jars")
        case _:
            sys.exit(f"unknown command {command!r}: lock or install")


if __name__ == "__main__":
    main(*sys.argv[1:])
