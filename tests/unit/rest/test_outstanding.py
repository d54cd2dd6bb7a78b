"""Orders on their way are counted, for each market: none is forgotten, none counted for ever."""

from __future__ import annotations

import pytest

from api.accounts import outstanding as module
from api.accounts.outstanding import OVERDUE_S, Outstanding
from api.errors import ApiError
from streams.messages import RequestId


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Two orders may be outstanding with a partition of markets."""
    monkeypatch.setattr(module, "OUTSTANDING_MAX", 2)
    return Clock()


def has_room(outstanding: Outstanding, partition: int = 0, count: int = 1) -> bool:
    try:
        outstanding.check_room(partition, count)
    except ApiError as error:
        return error.code != -1008
    return True


def test_a_market_that_has_enough_to_do_gets_no_more_and_others_do(clock: Clock) -> None:
    outstanding = Outstanding(clock)
    outstanding.add(RequestId(1), 0)
    assert not has_room(outstanding, count=2)
    outstanding.add(RequestId(2), 0)
    assert not has_room(outstanding)
    assert has_room(outstanding, partition=1, count=2)
    outstanding.answered(RequestId(1), by_market=False)
    assert has_room(outstanding)


def test_however_long_a_market_stands_still_nothing_is_forgotten(clock: Clock) -> None:
    outstanding = Outstanding(clock)
    outstanding.add(RequestId(1), 0)
    clock.now += 1_000 * OVERDUE_S
    outstanding.add(RequestId(2), 0)
    # A refusal by the ledger comes past the market.
    outstanding.answered(RequestId(2), by_market=False)
    outstanding.add(RequestId(3), 0)
    assert not has_room(outstanding)


def test_what_its_market_has_passed_over_is_forgotten(clock: Clock) -> None:
    outstanding = Outstanding(clock)
    outstanding.add(RequestId(1), 0)
    clock.now += OVERDUE_S
    outstanding.add(RequestId(2), 0)
    outstanding.answered(RequestId(2), by_market=True)
    assert len(outstanding) == 1
    clock.now += 1
    outstanding.add(RequestId(3), 0)
    outstanding.answered(RequestId(3), by_market=True)
    assert len(outstanding) == 0


def test_an_outcome_of_somebody_elses_order_changes_nothing(clock: Clock) -> None:
    outstanding = Outstanding(clock)
    outstanding.add(RequestId(1), 0)
    outstanding.answered(RequestId(9), by_market=True)
    assert len(outstanding) == 1
