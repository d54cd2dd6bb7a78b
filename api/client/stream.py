"""A market's book on the exchange's own stream, kept by the rule of `local_book`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import suppress

import msgspec
from websockets.asyncio.client import connect

from api.client import calls
from api.client.client import AsyncClient
from api.client.local_book import BookGapError, DepthUpdate, LocalBook

CONNECT_LIMIT_S = 10.0
SNAPSHOT_LEVELS = 5_000
TRIES = 50
RETRY_S = 0.1

_decoder = msgspec.json.Decoder(DepthUpdate)


async def follow_book(
    client: AsyncClient, ws_url: str, symbol: str
) -> AsyncGenerator[LocalBook, None]:
    """The book, again after each diff; the same object, changed in place.

    A gap makes it begin anew by itself. Raises `ConnectionClosed` when the exchange hangs up,
    `BookGapError` where no snapshot gets as new as the stream, and as `client.send` does. Close the
    iterator (`contextlib.aclosing`) to leave early.
    """
    book = LocalBook()
    url = f"{ws_url}/ws/{symbol.lower()}@depth@100ms"
    async with connect(url, open_timeout=CONNECT_LIMIT_S) as stream:
        await _start(client, book, symbol)
        yield book
        async for frame in stream:
            with suppress(BookGapError):  # it begins anew
                book.take(_decoder.decode(frame))
            if not book.started:
                await _start(client, book, symbol)
            yield book


async def _start(client: AsyncClient, book: LocalBook, symbol: str) -> None:
    """The snapshot may come from an instance that is behind the one that streams, for a moment."""
    for _ in range(TRIES):
        if book.start(await client.send(calls.depth(symbol, limit=SNAPSHOT_LEVELS))):
            return
        await asyncio.sleep(RETRY_S)
    raise BookGapError(f"{symbol}: snapshots stay behind the stream")
