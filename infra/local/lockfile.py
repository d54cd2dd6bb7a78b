"""The lock of the jars: which files a node runs on, and what each must hash to.

One line a jar, `group:artifact:version[:classifier] sha256 bytes`, under the name of the node that
needs it: the nodes share few libraries, and not always in the same version.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

LOCK = Path(__file__).with_name("jars.lock")

HEADER = """\
# Made by `python -m infra.local.jars lock`: each jar's coordinate, sha256 and size in bytes.
"""

Jars = Mapping[str, Sequence["Jar"]]
"""The jars of each node, in class path order."""

_PART = r"[A-Za-z0-9._+-]+"
_LINE = re.compile(
    rf"(?P<coordinate>{_PART}:{_PART}:{_PART}(:{_PART})?) (?P<sha256>[0-9a-f]{{64}}) (?P<size>\d+)"
)
_SECTION = re.compile(r"\[(?P<node>[a-z]+)\]")


class LockError(ValueError):
    """A line of the lock cannot be read."""


class Jar(msgspec.Struct, frozen=True):
    """One file of a class path, named the way Maven names it."""

    coordinate: str
    sha256: str
    size_bytes: int

    @property
    def filename(self) -> str:
        """Its name on disk: unique, for it carries the group as well."""
        return self.coordinate.replace(":", "_") + ".jar"

    @property
    def path(self) -> str:
        """Where a Maven repository keeps it, below the repository's root."""
        group, artifact, version, *classifier = self.coordinate.split(":")
        name = "-".join([artifact, version, *classifier])
        return f"{group.replace('.', '/')}/{artifact}/{version}/{name}.jar"


def parse(text: str) -> dict[str, list[Jar]]:
    """Read a lock. Raises `LockError` with the line's number."""
    nodes: dict[str, list[Jar]] = {}
    jars: list[Jar] | None = None
    for number, line in enumerate(text.splitlines(), start=1):
        if not line or line.startswith("#"):
            continue
        if section := _SECTION.fullmatch(line):
            jars = nodes.setdefault(section["node"], [])
        elif jars is not None and (jar := _LINE.fullmatch(line)):
            jars.append(Jar(jar["coordinate"], jar["sha256"], int(jar["size"])))
        else:
            raise LockError(f"line {number} of the jar lock is no jar: {line!r}")
    return nodes


def render(nodes: Jars) -> str:
    """Write a lock, the inverse of `parse`."""
    lines = [HEADER.rstrip()]
    for node, jars in nodes.items():
        lines += ["", f"[{node}]"]
        lines += [f"{jar.coordinate} {jar.sha256} {jar.size_bytes}" for jar in jars]
    return "\n".join(lines) + "\n"


def read(path: Path = LOCK) -> dict[str, list[Jar]]:
    """The jars of each node, as locked."""
    return parse(path.read_text())
