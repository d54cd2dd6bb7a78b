"""Answers that come piece by piece, as both ports give them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Pages(AsyncIterator[T], Generic[T]):
    """Asks for the next piece until there is none.

    Not an async generator: what is left of one is closed whenever memory happens to be collected,
    and a seed must not depend on that.
    """

    def __init__(self, ask: Callable[[], Awaitable[T | None]]) -> None:
        self._ask = ask

    def __aiter__(self) -> Pages[T]:
        return self

    async def __anext__(self) -> T:
        piece = await self._ask()
        if piece is None:
            raise StopAsyncIteration
        return piece
