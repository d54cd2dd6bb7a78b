"""Each request is answered with what became of it: all of it, and nothing else."""

from __future__ import annotations

import asyncio

import pytest

from api.accounts.outcomes import Outcomes
from api.errors import ApiError
from streams.messages import BalanceChange, Execution, OrderStatus, RequestId, Update
from tests.unit.rest.updates import balance_update, order_update

NEW, TRADE, EXPIRED, CANCELED = (
    Execution.NEW,
    Execution.TRADE,
    Execution.EXPIRED,
    Execution.CANCELED,
)

RESTS = [order_update(7, NEW, OrderStatus.NEW, last=True)]
FILLED = [
    order_update(7, NEW, OrderStatus.NEW),
    order_update(7, TRADE, OrderStatus.PARTIALLY_FILLED, trade_id=1),
    order_update(7, TRADE, OrderStatus.FILLED, trade_id=2),
]
PARTLY_FILLED_THEN_RESTS = [
    order_update(7, NEW, OrderStatus.NEW),
    order_update(7, TRADE, OrderStatus.PARTIALLY_FILLED, trade_id=1, last=True),
]
PARTLY_FILLED_THEN_EXPIRES = [
    order_update(7, NEW, OrderStatus.NEW),
    order_update(7, TRADE, OrderStatus.PARTIALLY_FILLED, trade_id=1),
    order_update(7, EXPIRED, OrderStatus.EXPIRED),
]
STORIES = [RESTS, FILLED, PARTLY_FILLED_THEN_RESTS, PARTLY_FILLED_THEN_EXPIRES]


@pytest.mark.parametrize("story", STORIES)
async def test_an_outcome_that_came_before_the_acknowledgement_is_not_lost(
    story: list[Update],
) -> None:
    outcomes = Outcomes()
    for update in story:
        outcomes.apply(update)
    assert await outcomes.wait(RequestId(7)) == story


@pytest.mark.parametrize("story", STORIES)
async def test_an_outcome_that_is_waited_for_comes_whole(story: list[Update]) -> None:
    outcomes = Outcomes()
    waiting = asyncio.create_task(outcomes.wait(RequestId(7)))
    await asyncio.sleep(0)
    completed = [outcomes.apply(update) for update in story]
    assert await waiting == story
    assert completed == [None] * (len(story) - 1) + [7]


async def test_the_hold_of_an_order_is_no_outcome() -> None:
    outcomes = Outcomes()
    outcomes.apply(balance_update(BalanceChange.HOLD, 5, request=7))
    assert not outcomes.known(RequestId(7))


async def test_what_others_do_to_a_resting_order_does_not_answer_who_placed_it() -> None:
    outcomes = Outcomes()
    for update in RESTS:
        outcomes.apply(update)
    outcomes.apply(order_update(7, TRADE, OrderStatus.FILLED, request=8, is_maker=True))
    assert await outcomes.wait(RequestId(7)) == RESTS
    assert not outcomes.known(RequestId(8))


async def test_a_cancel_is_answered_under_its_own_name() -> None:
    outcomes = Outcomes()
    canceled = order_update(7, CANCELED, OrderStatus.CANCELED, request=9)
    outcomes.apply(canceled)
    assert await outcomes.wait(RequestId(9)) == [canceled]


async def test_no_outcome_in_time_means_unknown_and_never_failed() -> None:
    with pytest.raises(ApiError) as unknown:
        await Outcomes(limit_s=0.01).wait(RequestId(7))
    assert (unknown.value.code, unknown.value.status) == (-1007, 503)


async def test_only_so_many_outcomes_are_kept_but_none_that_is_waited_for() -> None:
    outcomes = Outcomes(recent_max=2)
    waiting = asyncio.create_task(outcomes.wait(RequestId(1)))
    await asyncio.sleep(0)
    outcomes.apply(order_update(1, NEW, OrderStatus.NEW))
    for order in range(2, 6):
        outcomes.apply(order_update(order, NEW, OrderStatus.NEW, last=True))
    outcomes.apply(order_update(1, EXPIRED, OrderStatus.EXPIRED))
    assert len(await waiting) == 2
    assert not outcomes.known(RequestId(2))
