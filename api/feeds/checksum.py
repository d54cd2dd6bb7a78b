"""A check on a book: the CRC32 of its best ten levels of each side, as Kraken has it.

Source: "Book Checksum" of Kraken's WebSocket documentation. Asks from the lowest price up, then
bids from the highest down; of each its price and its quantity, as they are sent, without the
decimal point and then without leading zeros; all of it in one text. So all must be written with the
same number of decimals, as every door does.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence

from api.feeds.book import Book, Level

LEVELS = 10


def checksum_of(book: Book) -> int:
    """Unsigned, 32 bits."""
    return checksum(book.bids.top(LEVELS), book.asks.top(LEVELS))


def checksum(bids: Sequence[Level], asks: Sequence[Level]) -> int:
    """Of levels in order, the best of each side first."""
    best = (*asks[:LEVELS], *bids[:LEVELS])
    text = "".join(amount.replace(".", "").lstrip("0") for level in best for amount in level)
    return zlib.crc32(text.encode())
