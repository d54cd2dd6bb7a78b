"""How much one may ask for, what who asks for more is told, and that it costs bounded memory."""

from __future__ import annotations

import httpx
import pytest

from api import weight_limit
from api.errors import ApiError
from api.handlers.exchange import Exchange
from api.rest.app import Door
from api.weight_limit import BAN_FIRST_MS, BAN_MAX_MS, FORGIVEN_MS, REFUSALS_MAX, WeightLimit
from tests.unit.rest.test_app import unstarted

NOON = 1_700_000_080_000
"""Twenty seconds before a minute is over."""

HERE, THERE = "192.0.2.1", "198.51.100.1"


class Clock:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def refused(limit: WeightLimit, address: str = HERE) -> ApiError:
    with pytest.raises(ApiError) as error:
        limit.count(address, 1)
    return error.value


def go_on(limit: WeightLimit) -> ApiError:
    """Use up the limit, and go on until that has another answer."""
    limit.count(HERE, limit.limit)
    for _ in range(REFUSALS_MAX):
        assert refused(limit).status == 429
    return refused(limit)


def test_weight_is_refused_over_the_limit_until_the_minute_is_over(clock: Clock) -> None:
    limit = WeightLimit(10, clock)
    limit.count(HERE, 10)
    error = refused(limit)
    assert (error.status, error.code, error.retry_after_s) == (429, -1003, 20)
    assert error.msg == (
        "Too much request weight used; current limit is 10 request weight per 1 MINUTE."
        " Please use WebSocket Streams for live updates to avoid polling the API."
    )
    limit.count(THERE, 10)
    clock.now += 19_999
    refused(limit)
    clock.now += 1
    limit.count(HERE, 10)
    assert limit.used(HERE) == 10


def test_a_key_is_limited_wherever_it_is_used_and_never_banned(clock: Clock) -> None:
    limit = WeightLimit(10, clock)
    limit.count_key("k", 10)
    limit.count_key("other", 10)
    for _ in range(3 * REFUSALS_MAX):
        with pytest.raises(ApiError) as error:
            limit.count_key("k", 1)
        assert error.value.status == 429


def test_who_goes_on_is_banned_and_others_are_not(clock: Clock) -> None:
    limit = WeightLimit(10, clock)
    error = go_on(limit)
    assert (error.status, error.code, error.retry_after_s) == (418, -1003, 120)
    assert f"IP banned until {clock.now + BAN_FIRST_MS}" in error.msg
    with pytest.raises(ApiError) as checked:
        limit.check(HERE)
    assert checked.value.status == 418
    limit.check(THERE)
    limit.count(THERE, 1)
    clock.now += BAN_FIRST_MS
    limit.check(HERE)
    limit.count(HERE, 1)


def test_each_ban_is_twice_as_long_up_to_three_days_and_good_conduct_is_remembered(
    clock: Clock,
) -> None:
    limit = WeightLimit(10, clock)
    lengths = []
    for _ in range(14):
        error = go_on(limit)
        assert error.retry_after_s is not None
        lengths.append(error.retry_after_s * 1000)
        clock.now += lengths[-1]
    assert lengths == [min(BAN_FIRST_MS << count, BAN_MAX_MS) for count in range(14)]
    clock.now += FORGIVEN_MS + 1
    assert go_on(limit).retry_after_s == 120


def test_requests_while_banned_do_not_prolong_the_ban(clock: Clock) -> None:
    limit = WeightLimit(10, clock)
    until = clock.now + BAN_FIRST_MS
    go_on(limit)
    while clock.now + 1_000 < until:
        clock.now += 1_000
        assert refused(limit).status == 418
    clock.now = until
    limit.count(HERE, 1)


def test_memory_is_bounded_however_many_addresses_there_are(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(weight_limit, "KEPT_MAX", 100)
    limit = WeightLimit(1, clock)
    for number in range(1_000):
        limit.count(f"10.0.{number // 250}.{number % 250}", 1)
    assert sum(1 for n in range(1_000) if limit.used(f"10.0.{n // 250}.{n % 250}")) == 100


def test_the_addresses_of_one_household_count_together(clock: Clock) -> None:
    limit = WeightLimit(10, clock)
    limit.count("2001:db8::1", 6)
    limit.count("2001:db8::2", 4)
    assert refused(limit, "2001:db8::3").status == 429


def client(exchange: Exchange) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(Door(exchange), client=(HERE, 1))
    return httpx.AsyncClient(transport=transport, base_url="http://door")


async def test_every_answer_tells_the_weight_used_and_refusals_count(clock: Clock) -> None:
    exchange = unstarted(clock, weights=WeightLimit(100, clock))
    async with client(exchange) as http:
        used = [
            (answer.status_code, int(answer.headers["X-MBX-USED-WEIGHT-1M"]))
            for answer in [
                await http.get("/api/v3/ping"),
                await http.get("/api/v3/depth?symbol=BTCUSDT&limit=1000"),
                await http.get("/api/v3/depth?nonsense=1"),
                await http.get("/api/v3/account"),
                await http.get("/api/v3/depth?a=1&a=2"),
                await http.post("/api/v3/order", content=b"x" * 100_000),
                await http.get("/api/v3/ping", headers={"X-MBX-TIME-UNIT": "x"}),
            ]
        ]
        refused = [(503, 51), (400, 52), (401, 72), (400, 73), (413, 74), (400, 75)]
        assert used == [(200, 1), *refused]
        await http.get("/api/v3/nowhere")
        assert int((await http.get("/api/v3/ping")).headers["X-MBX-USED-WEIGHT-1M"]) == 77


async def test_over_the_limit_a_door_says_when_to_come_again_then_shuts(clock: Clock) -> None:
    exchange = unstarted(clock, weights=WeightLimit(1, clock))
    async with client(exchange) as http:
        answers = [await http.get("/api/v3/ping") for _ in range(REFUSALS_MAX + 2)]
        assert [each.status_code for each in answers] == [200, *[429] * REFUSALS_MAX, 418]
        assert (answers[1].json()["code"], answers[1].headers["Retry-After"]) == (-1003, "20")
        assert answers[-1].headers["Retry-After"] == "120"
        # It is refused before its body is read.
        banned = await http.post("/api/v3/order", content=b"x" * 100_000)
        assert (banned.status_code, banned.json()["code"]) == (418, -1003)
        # Health checks and administration are not shut out.
        assert (await http.get("/live")).status_code == 200
        assert (await http.get("/admin/v1/markets")).status_code == 401


async def test_without_a_limit_nothing_is_told_of_one() -> None:
    async with client(unstarted()) as http:
        assert "X-MBX-USED-WEIGHT-1M" not in (await http.get("/api/v3/ping")).headers
