"""Detached processes that outlive the command that started them, and their records on disk.

A process is known again by its pid and its start time together, so that a pid which the system has
given to somebody else since is neither mistaken for ours nor killed.
"""

from __future__ import annotations

import fcntl
import os
import sys
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import msgspec
import psutil

SAME_START_S = 1.0
"""Two readings of a start time may differ by this: the kernel adjusts its idea of boot time."""

TERM_GRACE_S = 15.0
KILL_GRACE_S = 5.0
LOCK_POLL_S = 0.1
LOG_LIMIT_BYTES = 16 << 20
BEHIND_NICE = 10
TAIL_LINES = 60  # a Faust worker says thirty lines of farewell after its error


class StartError(Exception):
    """A process died or did not become ready in time. The message ends in its log's tail."""

    def __init__(self, name: str, reason: str, log: Path) -> None:
        super().__init__(f"{name} {reason}. The end of {log}:\n{tail(log)}")
        self.name = name
        self.log = log


def write_secret(file: Path, text: str) -> None:
    """Write a file anew that only its owner reads."""
    file.unlink(missing_ok=True)
    with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as opened:
        opened.write(text)


class StopError(Exception):
    """A process is still there after SIGKILL."""


class Process(msgspec.Struct, frozen=True):
    """A process that was started here, and where it can be reached."""

    pid: int
    started_at: float
    address: str

    def running(self) -> bool:
        """Whether this very process, not a later one of the same pid, is alive."""
        return self._find() is not None

    def listens(self) -> bool:
        """Whether it is this process that listens at the address: another may have been quicker."""
        found = self._find()
        _, _, port = self.address.rpartition(":")
        try:
            return found is not None and any(
                each.status == psutil.CONN_LISTEN and each.laddr.port == int(port)
                for each in found.net_connections("tcp")
            )
        except psutil.NoSuchProcess:
            return False

    def stop(self) -> bool:
        """End it by SIGTERM, then SIGKILL. False if it was gone already. Raises `StopError`."""
        found = self._find()
        if found is None:
            return False
        for end, grace_s in ((found.terminate, TERM_GRACE_S), (found.kill, KILL_GRACE_S)):
            try:
                end()
                found.wait(grace_s)
            except psutil.NoSuchProcess:
                return True
            except psutil.TimeoutExpired:
                continue
            return True
        raise StopError(f"process {self.pid} survived SIGKILL for {KILL_GRACE_S} s")

    def _find(self) -> psutil.Process | None:
        try:
            found = psutil.Process(self.pid)
            same = abs(found.create_time() - self.started_at) <= SAME_START_S
            return found if same and not _is_spent(found) else None
        except psutil.NoSuchProcess:
            return None


def _is_spent(process: psutil.Process) -> bool:
    """Whether it has ended, and only waits for its parent to take note.

    A process whose main thread ended is called a zombie while its other threads still end, and
    holds its ports so long.
    """
    return process.status() == psutil.STATUS_ZOMBIE and process.num_threads() <= 1


def start(
    command: Sequence[str],
    log: Path,
    address: str,
    env: Mapping[str, str] | None = None,
    *,
    behind: bool = False,
) -> Process:
    """Start a command in a session of its own, its output appended to the log.

    One that is `behind` lets those go first that somebody waits for, where cores are few.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    _rotate(log)
    # Not subprocess: its objects expect the starter to outlive what it started.
    pid = os.posix_spawn(
        command[0],
        list(command),
        os.environ if env is None else env,
        setsid=True,
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, str(log), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ],
    )
    found = psutil.Process(pid)
    if behind:
        _put_behind(found)
    return Process(pid, found.create_time(), address)


def _put_behind(process: psutil.Process) -> None:
    """Before it has threads, which go by what the first one goes by."""
    process.nice(BEHIND_NICE)
    if sys.platform == "linux":
        # It does not interrupt others when it wakes up.
        os.sched_setscheduler(process.pid, os.SCHED_BATCH, os.sched_param(0))


def _rotate(log: Path) -> None:
    if log.exists() and log.stat().st_size > LOG_LIMIT_BYTES:
        log.replace(log.with_suffix(".1.log"))


def tail(log: Path, lines: int = TAIL_LINES) -> str:
    """The last lines of a log, or an empty string where there is none."""
    if not log.exists():
        return ""
    with log.open(errors="replace") as file:
        return "".join(deque(file, maxlen=lines)).rstrip()


class Records:
    """The processes of an installation, one small file each in its `run` folder."""

    def __init__(self, home: Path) -> None:
        self._folder = home / "run"

    def save(self, name: str, process: Process) -> None:
        """Record a process under a name, in place of what had it before."""
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._path(name)
        part = path.with_suffix(".part")
        part.write_bytes(msgspec.json.encode(process))
        part.replace(path)

    def recorded(self, name: str) -> Process | None:
        """What was last started under the name, alive or not."""
        try:
            return msgspec.json.decode(self._path(name).read_bytes(), type=Process)
        except FileNotFoundError:
            return None

    def running(self, name: str) -> Process | None:
        """What was last started under the name, if it is alive."""
        process = self.recorded(name)
        return process if process is not None and process.running() else None

    def names(self) -> list[str]:
        """Every name that something was started under."""
        return sorted(path.stem for path in self._folder.glob("*.json"))

    def stop(self, name: str) -> bool:
        """Stop what runs under the name and forget it. False if nothing did."""
        process = self.recorded(name)
        stopped = process is not None and process.stop()
        self._path(name).unlink(missing_ok=True)
        return stopped

    @contextmanager
    def exclusive(self, part: str, timeout_s: float) -> Iterator[None]:
        """Keep other commands from starting or stopping this part of the installation meanwhile.

        Raises `TimeoutError`.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        with (self._folder / f"{part}.lock").open("w") as file:
            deadline = time.monotonic() + timeout_s
            while not _locked(file):
                if time.monotonic() >= deadline:
                    home = self._folder.parent
                    raise TimeoutError(
                        f"another command has been at work on the {part} of {home} "
                        f"for {timeout_s:.0f} s"
                    )
                time.sleep(LOCK_POLL_S)
            yield

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.json"


def _locked(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
