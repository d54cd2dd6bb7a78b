"""What a book keeps alive. The collector has no part in it: a big book would take it too long."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from streams.matching.book import Book, Order
from streams.messages import (
    Millis,
    OrderId,
    OrderType,
    SelfTradePrevention,
    Side,
    TimeInForce,
)
from tests.benchmarks.book import no_collector


@pytest.fixture(autouse=True)
def without_collector() -> Iterator[None]:
    with no_collector():
        yield


def test_a_dropped_book_is_freed_at_once() -> None:
    names = [f"name-{number}" for number in range(3)]
    book = _book(names)
    assert _kept(names) == [True, True, True]
    del book
    assert _kept(names) == [False, False, False]


def test_an_order_that_left_keeps_no_other() -> None:
    names = [f"name-{number}" for number in range(5)]
    book = _book(names)
    left = _take_out(book, 3), _take_out(book, 4)
    level = next(iter(book.bids))
    traded = level.first
    assert book.pop_first(level) is level.first
    book.remove(level.first)
    assert [order.order_id for order in book.resting()] == [5]
    del left, traded
    assert _kept(names) == [False, False, False, False, True]


def test_orders_that_left_one_after_the_other_are_freed_one_by_one() -> None:
    names = [f"name-{number}" for number in range(3)]
    book = _book(names)
    first = _take_out(book, 1)
    _take_out(book, 2)
    assert _kept(names) == [True, False, True]
    assert first.order_id == 1


def _book(names: list[str]) -> Book:
    """Orders of these names, in one queue; their ids count from 1."""
    book = Book()
    for number, name in enumerate(names, 1):
        book.add(
            Order(
                OrderId(number),
                "alice",
                name,
                Side.BUY,
                OrderType.LIMIT,
                TimeInForce.GTC,
                100,
                1,
                0,
                0,
                Millis(0),
                SelfTradePrevention.NONE,
                None,
            )
        )
    return book


def _take_out(book: Book, order_id: int) -> Order:
    order = next(order for order in book.resting() if order.order_id == order_id)
    book.remove(order)
    return order


def _kept(names: list[str]) -> list[bool]:
    """Of each name, whether an order has it still."""
    # The list, the loop's variable and the call each have it as well.
    return [sys.getrefcount(name) > 3 for name in names]
