"""Moments are in microseconds for who asks for them, and nothing else is changed by it."""

from __future__ import annotations

import httpx
import pytest

from api.handlers import examples
from api.handlers.endpoints import PUBLIC, SIGNED
from api.handlers.time_unit import in_microseconds
from api.rest.app import Door
from tests.unit.rest.test_app import unstarted

NOW = 1_499_827_319_559


@pytest.mark.parametrize(
    "example",
    [each.example for each in (*PUBLIC, *SIGNED)],
    ids=[f"{each.method} {each.path}" for each in (*PUBLIC, *SIGNED)],
)
def test_every_moment_of_every_answer_is_in_microseconds(example: object) -> None:
    """By size: what is a moment in milliseconds is of the years from 2001 to 2286."""

    def moments(answer: object) -> list[int]:
        match answer:
            case bool():
                return []
            case int() if 10**12 <= answer < 10**13:
                return [answer]
            case dict():
                return [each for value in answer.values() for each in moments(value)]
            case list() | tuple():
                return [each for value in answer for each in moments(value)]
            case _:
                return []

    assert moments(in_microseconds(example)) == []


def test_candles_and_nested_answers() -> None:
    candle = [NOW, "1", "1", "1", "1", "1", NOW + 59_999, "1", 3, "1", "1", "0"]
    assert len(candle) == len(examples.KLINE)
    expected = [NOW * 1000, *candle[1:6], (NOW + 59_999) * 1000, *candle[7:]]
    assert in_microseconds([candle]) == [expected]
    assert in_microseconds({"orders": [{"orderId": 7, "time": 3, "fills": [{"tradeId": 1}]}]}) == {
        "orders": [{"orderId": 7, "time": 3000, "fills": [{"tradeId": 1}]}]
    }


@pytest.mark.parametrize(
    ("unit", "time"),
    [
        ("MICROSECOND", NOW * 1000),
        ("microsecond", NOW * 1000),
        ("MILLISECOND", NOW),
        (None, NOW),
    ],
)
async def test_the_header_says_which(unit: str | None, time: int) -> None:
    transport = httpx.ASGITransport(Door(unstarted()))
    async with httpx.AsyncClient(transport=transport, base_url="http://door") as http:
        headers = {} if unit is None else {"X-MBX-TIME-UNIT": unit}
        assert (await http.get("/api/v3/time", headers=headers)).json() == {"serverTime": time}


async def test_a_unit_that_is_none_is_refused() -> None:
    transport = httpx.ASGITransport(Door(unstarted()))
    async with httpx.AsyncClient(transport=transport, base_url="http://door") as http:
        answer = await http.get("/api/v3/time", headers={"X-MBX-TIME-UNIT": "FORTNIGHT"})
    assert (answer.status_code, answer.json()["code"]) == (400, -1194)
