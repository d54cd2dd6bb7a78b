"""The rule by which clients keep a book from a snapshot and diffs."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from api.client import BookGapError, DepthUpdate, LocalBook
from api.client.answers import Level, OrderBook


def levels(*pairs: str) -> list[Level]:
    """Levels from texts such as `"100 x 2"`."""
    return [(price, quantity) for price, _, quantity in (pair.partition(" x ") for pair in pairs)]


def snapshot(last: int, *bids: str) -> OrderBook:
    return OrderBook(last_update_id=last, bids=levels(*bids), asks=levels("200 x 1"))


def diff(first: int, last: int, *bids: str) -> DepthUpdate:
    return DepthUpdate("BTCUSDT", first, last, levels(*bids), [])


def bids(book: LocalBook) -> list[str]:
    return [f"{price} x {quantity}" for price, quantity in book.bids(10)]


def test_diffs_that_came_before_the_snapshot_are_dropped_those_after_it_applied() -> None:
    book = LocalBook()
    book.take(diff(1, 5, "100 x 9", "98 x 1"))
    book.take(diff(6, 12, "100 x 2"))
    book.take(diff(13, 14, "97 x 3"))

    assert book.start(snapshot(10, "100 x 1", "99 x 1"))

    assert bids(book) == ["100 x 2", "99 x 1", "97 x 3"]
    assert book.last_update_id == 14


def test_a_snapshot_older_than_the_first_diff_is_asked_for_again() -> None:
    book = LocalBook()
    book.take(diff(20, 21, "100 x 2"))

    assert not book.start(snapshot(18, "100 x 1"))
    assert not book.started
    assert book.start(snapshot(19, "100 x 1"))
    assert bids(book) == ["100 x 2"]


def test_quantities_are_absolute_and_zero_takes_a_level_away() -> None:
    book = LocalBook()
    book.start(snapshot(1, "100 x 1", "99 x 1"))

    book.take(diff(2, 2, "100 x 7", "99.00 x 0", "98 x 0"))

    assert bids(book) == ["100 x 7"]
    assert book.asks(1) == [(Decimal(200), Decimal(1))]


def test_what_was_seen_before_changes_nothing() -> None:
    book = LocalBook()
    book.start(snapshot(10, "100 x 1"))
    book.take(diff(11, 12, "100 x 5"))

    book.take(diff(9, 10, "100 x 4"))
    book.take(diff(11, 12, "100 x 4"))

    assert (bids(book), book.last_update_id) == (["100 x 5"], 12)


def test_a_gap_empties_the_book_until_a_snapshot_as_new_as_what_came_after_it() -> None:
    book = LocalBook()
    book.start(snapshot(10, "100 x 1"))

    with pytest.raises(BookGapError, match="11 to 12"):
        book.take(diff(13, 14, "99 x 2"))

    assert (book.started, bids(book)) == (False, [])
    book.take(diff(15, 15, "98 x 3"))
    assert not book.start(snapshot(11, "100 x 1"))
    assert book.start(snapshot(12, "100 x 1"))
    assert bids(book) == ["100 x 1", "99 x 2", "98 x 3"]


def test_diffs_with_a_hole_between_them_wait_for_a_snapshot_beyond_it() -> None:
    book = LocalBook()
    book.take(diff(1, 5, "100 x 9"))
    book.take(diff(8, 9, "99 x 2"))

    assert not book.start(snapshot(3, "100 x 1"))
    assert book.start(snapshot(7, "100 x 1"))
    assert bids(book) == ["100 x 1", "99 x 2"]


def test_a_diff_is_read_as_the_stream_writes_it() -> None:
    frame = b'{"e":"depthUpdate","E":1,"s":"BTCUSDT","U":5,"u":7,"b":[["100.00","1.0"]],"a":[]}'
    update = msgspec.json.decode(frame, type=DepthUpdate)
    assert (update.first_id, update.last_id, update.bids) == (5, 7, [("100.00", "1.0")])
