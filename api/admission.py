"""How many requests are in work at once, through all the doors of a process."""

from __future__ import annotations

from types import TracebackType

from api.errors import overloaded

REQUESTS_MAX = 2048
"""Each may hold some 100 KiB, most of it its body; who comes on top is told to come again."""


class Admission:
    """Entered for as long as a request is in work."""

    def __init__(self) -> None:
        self.requests = 0

    def __enter__(self) -> None:
        """Raises -1008 when there are too many already."""
        if self.requests >= REQUESTS_MAX:
            raise overloaded()
        self.requests += 1

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.requests -= 1
