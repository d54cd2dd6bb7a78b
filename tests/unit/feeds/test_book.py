"""The local book: what a reader of `depth` may believe, and from when on."""

from __future__ import annotations

import random

import pytest

from api.feeds.book import Book
from streams.messages import AmountError
from tests.unit.feeds.samples import BTC, diff, levels, snapshot


@pytest.fixture
def book() -> Book:
    """
    asks  102 x 5
          101 x 4
    bids  100 x 1
           99 x 2
    """
    book = Book(BTC)
    book.apply(snapshot(10, levels("100 x 1", "99 x 2"), levels("101 x 4", "102 x 5")))
    return book


def test_sides_are_shown_best_first(book: Book) -> None:
    assert book.bids.top(5) == levels("100 x 1", "99 x 2")
    assert book.asks.top(5) == levels("101 x 4", "102 x 5")
    assert book.bids.top(1) == levels("100 x 1")
    assert book.asks.best() == levels("101 x 4")[0]


def test_quantities_of_a_diff_are_absolute_and_zero_removes(book: Book) -> None:
    assert book.apply(diff(11, 13, levels("100 x 0", "99.5 x 3"), levels("101 x 1")))

    assert book.bids.top(5) == levels("99.5 x 3", "99 x 2")
    assert book.asks.top(5) == levels("101 x 1", "102 x 5")
    assert book.seq == 13


def test_removing_a_level_that_is_not_there_changes_nothing(book: Book) -> None:
    book.apply(diff(11, 11, levels("98 x 0")))

    assert book.bids.top(5) == levels("100 x 1", "99 x 2")


def test_prices_are_ordered_as_numbers_not_as_text(book: Book) -> None:
    book.apply(diff(11, 11, levels("9 x 1"), levels("1000 x 1")))

    assert [price for price, _ in book.bids.top(3)] == ["100.00000000", "99.00000000", "9.00000000"]
    assert book.asks.top(3)[-1] == levels("1000 x 1")[0]


def test_what_was_seen_before_is_dropped(book: Book) -> None:
    assert not book.apply(diff(9, 10, levels("100 x 7")))
    assert not book.apply(snapshot(10, [], []))

    assert book.bids.best() == levels("100 x 1")[0]


def test_a_gap_makes_it_invalid_and_empty_until_the_next_snapshot(book: Book) -> None:
    assert not book.apply(diff(12, 12, levels("100 x 7")))
    assert not book.valid
    assert book.gaps == 1
    assert book.bids.top(5) == []

    assert not book.apply(diff(13, 13, levels("100 x 8")))
    assert book.apply(snapshot(13, levels("100 x 8"), []))
    assert book.apply(diff(14, 14, levels("99 x 1")))
    assert book.valid
    assert book.bids.top(5) == levels("100 x 8", "99 x 1")
    assert book.gaps == 1


def test_diffs_before_the_first_snapshot_say_nothing() -> None:
    book = Book(BTC)

    assert not book.apply(diff(5, 6, levels("100 x 1")))
    assert not book.valid
    assert book.gaps == 0


def test_a_snapshot_may_stand_inside_of_a_diff(book: Book) -> None:
    assert book.apply(diff(8, 12, levels("100 x 3")))

    assert book.seq == 12
    assert book.bids.best() == levels("100 x 3")[0]


def test_a_level_that_is_no_amount_leaves_no_half_changed_book(book: Book) -> None:
    with pytest.raises(AmountError):
        book.apply(diff(11, 11, [("98.00000000", "1"), ("x", "1")]))

    assert not book.valid
    assert book.bids.top(5) == []


def test_after_many_diffs_it_is_what_a_plain_dictionary_holds() -> None:
    chance = random.Random(7)
    book = Book(BTC)
    bids: dict[int, int] = {}
    asks: dict[int, int] = {}
    book.apply(snapshot(1, [], []))
    for seq in range(2, 3_000):
        side, low = chance.choice([(bids, 1), (asks, 500)])
        price, quantity = chance.randrange(low, low + 400), chance.randrange(4)
        if quantity:
            side[price] = quantity
        else:
            side.pop(price, None)
        level = levels(f"{price} x {quantity}")
        book.apply(diff(seq, seq, level, None) if side is bids else diff(seq, seq, None, level))

    assert book.bids.top(1_000) == levels(*(f"{p} x {bids[p]}" for p in sorted(bids)[::-1]))
    assert book.asks.top(1_000) == levels(*(f"{p} x {asks[p]}" for p in sorted(asks)))
