"""Kraken's checksum of a book: two books with the same top ten have the same one.

The rule and its example are Kraken's (WebSocket v1, "Calculate Book Checksum").
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence

DEPTH = 10


def checksum(bids: Sequence[tuple[str, str]], asks: Sequence[tuple[str, str]]) -> int:
    """CRC32 of the best ten asks, then bids, best first; levels are price and quantity.

    Of each number count the digits alone: without the point, then without leading zeros. So all
    must be written with the same number of decimals, as every door does.
    """
    best = (*asks[:DEPTH], *bids[:DEPTH])
    text = "".join(number.replace(".", "").lstrip("0") for level in best for number in level)
    return zlib.crc32(text.encode())
