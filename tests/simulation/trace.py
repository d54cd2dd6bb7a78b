"""What happened, in order, for a person to read."""

from __future__ import annotations

import asyncio
from collections import Counter


class Trace:
    """Lines of a history, each with its time and who it is about."""

    def __init__(self) -> None:
        self.lines: list[tuple[float, str, str]] = []
        self.counts: Counter[str] = Counter()

    def __call__(self, who: str, what: str) -> None:
        self.lines.append((asyncio.get_running_loop().time(), who, what))

    def fault(self, kind: str, who: str, what: str) -> None:
        """A line about something that goes wrong; it is counted by its kind."""
        self.counts[kind] += 1
        self(who, what)

    def __str__(self) -> str:
        return "\n".join(f"{time:9.3f}  {who:14} {what}" for time, who, what in self.lines)
