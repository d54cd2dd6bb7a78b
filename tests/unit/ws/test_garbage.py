"""Full collections: when connections have left garbage, and not because there are connections."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest

from api.ws.garbage import ENDED_MIN, Garbage, take_over


class Knot:
    """Refers to itself, as what a connection leaves does."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    """The collector is the process's: leave it as it was."""
    thresholds = gc.get_threshold()
    yield
    gc.set_threshold(*thresholds)
    gc.unfreeze()


def old_knot() -> weakref.ref[Knot]:
    """Garbage that only a full collection finds."""
    knot = Knot()
    gc.collect()
    return weakref.ref(knot)


def test_it_is_collected_once_as_many_connections_have_ended_as_are_open() -> None:
    garbage, still_open = Garbage(), 3 * ENDED_MIN
    take_over()
    knot = old_knot()
    for _ in range(still_open - 1):
        garbage.connection_ended(still_open)
    assert knot() is not None
    garbage.connection_ended(still_open)
    assert knot() is None


def test_few_connections_are_not_worth_it() -> None:
    garbage = Garbage()
    take_over()
    knot = old_knot()
    for _ in range(ENDED_MIN - 1):
        garbage.connection_ended(0)
    assert knot() is not None
    garbage.connection_ended(0)
    assert knot() is None


def test_connections_that_come_cause_none() -> None:
    take_over()
    knot = old_knot()
    connections = [[[]] for _ in range(200_000)]  # type: list[list[list[None]]]
    assert knot() is not None
    assert len(connections) == 200_000
