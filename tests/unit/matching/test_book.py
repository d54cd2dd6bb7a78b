"""What a book finds, and what it keeps alive. The collector has no part in that: a big book would
take it too long."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from itertools import product

import pytest

from streams.matching.book import Book, Order
from streams.messages import (
    ACCOUNT_PARTITIONS_MAX,
    FRAME_COMMANDS_MAX,
    REQUEST_MAX,
    Millis,
    OrderId,
    OrderType,
    SelfTradePrevention,
    Side,
    TimeInForce,
    request_id,
)
from tests.benchmarks.book import no_collector

OFFSETS = (0, 1, 2, 3, 8_191, 8_192, 1 << 20, (1 << 34) - 1, (1 << 40) - 2)
INDEXES = (0, 1, 2, 127, FRAME_COMMANDS_MAX - 1)
PARTITIONS = (0, 1, 2, ACCOUNT_PARTITIONS_MAX - 1)


@pytest.fixture(autouse=True)
def without_collector() -> Iterator[None]:
    with no_collector():
        yield


def test_an_order_is_found_by_its_id_and_by_no_other() -> None:
    ids = [OrderId(request_id(*place)) for place in product(PARTITIONS, OFFSETS, INDEXES)]
    book = _book(dict.fromkeys(ids, "name"))
    assert [_found(book, order_id) for order_id in ids] == ids
    assert len(book) == len(ids)
    for order_id in ids[::2]:
        _take_out(book, order_id)
    assert [_found(book, order_id) for order_id in ids[::2]] == [None] * len(ids[::2])
    assert [_found(book, order_id) for order_id in ids[1::2]] == ids[1::2]


@pytest.mark.parametrize("order_id", [0, 1, REQUEST_MAX])
def test_no_order_is_found_in_an_empty_book(order_id: int) -> None:
    assert Book().find(OrderId(order_id)) is None


def test_a_dropped_book_is_freed_at_once() -> None:
    names = [f"name-{number}" for number in range(3)]
    book = _book(dict(enumerate(names, 1)))
    assert _kept(names) == [True, True, True]
    del book
    assert _kept(names) == [False, False, False]


def test_an_order_that_left_keeps_no_other() -> None:
    names = [f"name-{number}" for number in range(5)]
    book = _book(dict(enumerate(names, 1)))
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
    book = _book(dict(enumerate(names, 1)))
    first = _take_out(book, 1)
    _take_out(book, 2)
    assert _kept(names) == [True, False, True]
    assert first.order_id == 1


def _book(orders: Mapping[int, str]) -> Book:
    """Orders of these ids and names, in one queue."""
    book = Book()
    for order_id, name in orders.items():
        book.add(
            Order(
                OrderId(order_id),
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
    order = book.find(OrderId(order_id))
    assert order is not None
    book.remove(order)
    return order


def _found(book: Book, order_id: OrderId) -> OrderId | None:
    order = book.find(order_id)
    return None if order is None else order.order_id


def _kept(names: list[str]) -> list[bool]:
    """Of each name, whether an order has it still."""
    # The list, the loop's variable and the call each have it as well.
    return [sys.getrefcount(name) > 3 for name in names]
