"""Whoever waits for too long is told so; whoever has an answer keeps it."""

from __future__ import annotations

import asyncio

import pytest

from api.accounts.deadlines import Deadlines


async def test_who_waits_for_too_long_is_told_and_others_are_not() -> None:
    deadlines: Deadlines[int] = Deadlines(0.02, KeyError)
    answered, late, later = deadlines.future(), deadlines.future(), deadlines.future()
    answered.set_result(1)
    for waiting in (late, later):
        with pytest.raises(KeyError):
            await waiting
    assert await answered == 1


async def test_who_comes_later_has_as_long() -> None:
    deadlines: Deadlines[int] = Deadlines(0.02, KeyError)
    with pytest.raises(KeyError):
        await deadlines.future()
    began = asyncio.get_running_loop().time()
    with pytest.raises(KeyError):
        await deadlines.future()
    assert asyncio.get_running_loop().time() - began >= 0.015


async def test_who_gives_up_is_left_alone() -> None:
    deadlines: Deadlines[int] = Deadlines(0.01, KeyError)
    given_up = deadlines.future()
    given_up.cancel()
    with pytest.raises(KeyError):
        await deadlines.future()
    assert given_up.cancelled()
