"""The checksum of a book, on the example that Kraken gives for it."""

from __future__ import annotations

from api.client.checksum import checksum

ASKS = [(f"0.{price:05}", "0.00000500") for price in range(5005, 5055, 5)]
BIDS = [(f"0.{price:05}", "0.00000500") for price in range(5000, 4945, -5) if price != 4985]


def test_it_is_krakens() -> None:
    assert checksum(BIDS, ASKS) == 974947235


def test_only_the_best_ten_count() -> None:
    deeper = ("0.00001", "1.00000000")
    assert checksum([*BIDS, deeper], [*ASKS, deeper]) == 974947235


def test_a_book_may_have_fewer() -> None:
    assert checksum([], []) == 0
    assert checksum(BIDS[:1], []) not in (0, checksum(BIDS, []))
