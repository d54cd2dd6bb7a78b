"""How far a download is: a bar on a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

LINE_EVERY_S = 5.0
MEGABYTE = 1_000_000


class Progress(Protocol):
    """Told of each piece that arrives."""

    def advance(self, received_bytes: int) -> None:
        """Count bytes; a negative number takes back those of a failed attempt."""


@contextmanager
def progress(what: str, total_bytes: int | None) -> Iterator[Progress]:
    """Show the progress of a download on stderr."""
    if sys.stderr.isatty():
        with _bar(what, total_bytes) as bar:
            yield bar
    else:
        lines = _Lines(what, total_bytes)
        yield lines
        lines.say()


class _Lines:
    def __init__(self, what: str, total_bytes: int | None) -> None:
        self._what = what
        self._total_bytes = total_bytes
        self._received_bytes = 0
        self._said_at = time.monotonic()

    def advance(self, received_bytes: int) -> None:
        self._received_bytes += received_bytes
        if time.monotonic() - self._said_at >= LINE_EVERY_S:
            self.say()

    def say(self) -> None:
        of = f" of {self._total_bytes / MEGABYTE:.0f}" if self._total_bytes is not None else ""
        print(
            f"{self._what}: {self._received_bytes / MEGABYTE:.0f}{of} MB",
            file=sys.stderr,
            flush=True,
        )
        self._said_at = time.monotonic()


@contextmanager
def _bar(what: str, total_bytes: int | None) -> Iterator[Progress]:
    from rich import progress as rich_progress
    from rich.console import Console

    with rich_progress.Progress(
        rich_progress.TextColumn("{task.description}"),
        rich_progress.BarColumn(),
        rich_progress.DownloadColumn(),
        rich_progress.TransferSpeedColumn(),
        console=Console(stderr=True),
        transient=True,
    ) as bar:
        task = bar.add_task(what, total=total_bytes)

        class Bar:
            def advance(self, received_bytes: int) -> None:
                bar.advance(task, received_bytes)

        yield Bar()
