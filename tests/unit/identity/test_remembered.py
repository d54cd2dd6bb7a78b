"""What is remembered of the database: asked for once, for a bounded time, in bounded memory."""

from __future__ import annotations

import asyncio

import pytest

from api.errors import ApiError, unavailable
from api.identity import remembered
from api.identity.remembered import FRESH_S, STALE_S, Remembered


class Database:
    def __init__(self) -> None:
        self.rows: dict[str, str] = {}
        self.asked: list[str] = []
        self.away = False
        self.was_asked = asyncio.Event()
        self.open = asyncio.Event()
        self.open.set()

    async def ask(self, name: str) -> str | None:
        self.asked.append(name)
        row = self.rows.get(name)
        self.was_asked.set()
        await self.open.wait()
        if self.away:
            raise unavailable()
        return row


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def database() -> Database:
    return Database()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def cache(database: Database, clock: Clock) -> Remembered[str]:
    return Remembered(database.ask, clock)


async def test_an_answer_is_known_for_a_while_and_then_asked_for_again(
    database: Database, clock: Clock, cache: Remembered[str]
) -> None:
    database.rows["a"] = "1"
    assert await cache.get("a") == "1"
    database.rows["a"] = "2"
    clock.now += FRESH_S - 0.1
    assert await cache.get("a") == "1"
    clock.now += 0.1
    assert await cache.get("a") == "2"
    assert database.asked == ["a", "a"]


async def test_what_is_not_there_is_asked_for_once_in_a_while_too(
    database: Database, clock: Clock, cache: Remembered[str]
) -> None:
    assert await cache.get("a") is None
    database.rows["a"] = "1"
    assert await cache.get("a") is None
    assert database.asked == ["a"]
    clock.now += FRESH_S
    assert await cache.get("a") == "1"


async def test_many_who_wait_ask_once(database: Database, cache: Remembered[str]) -> None:
    database.rows["a"] = "1"
    assert await asyncio.gather(*(cache.get("a") for _ in range(9))) == ["1"] * 9
    assert database.asked == ["a"]


async def test_while_the_database_is_away_what_was_known_stays_so_for_a_bounded_time(
    database: Database, clock: Clock, cache: Remembered[str]
) -> None:
    database.rows["a"] = "1"
    await cache.get("a")
    database.away = True
    clock.now += STALE_S - 0.1
    assert await cache.get("a") == "1"
    clock.now += 0.1
    with pytest.raises(ApiError):
        await cache.get("a")
    with pytest.raises(ApiError):
        await cache.get("never asked for")


async def test_what_has_changed_is_asked_for_again_at_once(
    database: Database, cache: Remembered[str]
) -> None:
    database.rows["a"] = "1"
    await cache.get("a")
    database.rows["a"] = "2"
    cache.forget("a")
    assert await cache.get("a") == "2"


async def test_an_answer_from_before_a_change_is_not_remembered(
    database: Database, cache: Remembered[str]
) -> None:
    """A key revoked while it is being read must not live on in memory."""
    database.rows["a"] = "1"
    database.open.clear()
    early = asyncio.create_task(cache.get("a"))
    await database.was_asked.wait()
    del database.rows["a"]
    cache.forget("a")
    database.open.set()
    assert await early == "1"
    assert await cache.get("a") is None


async def test_a_flood_of_unknown_names_makes_no_known_one_be_forgotten(
    database: Database, cache: Remembered[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remembered, "KEPT_MAX", 10)
    monkeypatch.setattr(remembered, "MISSING_MAX", 10)
    database.rows["a"] = "1"
    await cache.get("a")
    for number in range(100):
        await cache.get(str(number))
    assert len(cache._missing) == 10
    database.away = True
    assert await cache.get("a") == "1"
    for number in range(100):
        database.rows[f"k{number}"] = "1"
    database.away = False
    for number in range(100):
        await cache.get(f"k{number}")
    assert len(cache._known) == 10
