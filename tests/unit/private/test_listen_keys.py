"""Who shows a listen key may listen: for how long, where from, and what ends it."""

from __future__ import annotations

from typing import Any

import pytest

from api.errors import ApiError
from api.identity.keys import ApiKey
from api.identity.vault import Vault
from api.private.listen_keys import LIFETIME_S, ListenKeys, Right, Rights, is_listen_key
from tests.unit.identity.test_gate import ANN, HOME, House

LATER_MS = LIFETIME_S * 1_000
AWAY = "198.51.100.7"


class Venue(House):
    def __init__(self) -> None:
        super().__init__()
        archive: Any = self.stored
        self.vault = Vault([bytes(32)])
        self.listen_keys = ListenKeys(archive, self.vault, lambda: self.now)

    async def api_key(self, **terms: Any) -> ApiKey:
        name, _ = await self.key(**terms)
        found = await self.keys.find(name)
        assert found is not None
        return found

    async def right(self, listen_key: str, address: str = HOME) -> Right | int:
        """What another instance finds, which remembers nothing; or the code of its refusal."""
        archive: Any = self.stored
        try:
            return await Rights(archive, lambda: self.now).find(listen_key, address)
        except ApiError as error:
            return error.code


@pytest.fixture
def venue() -> Venue:
    return Venue()


async def test_it_lasts_an_hour_and_another_with_each_extension(venue: Venue) -> None:
    key = await venue.api_key()
    listen_key = await venue.listen_keys.give_out(key)
    assert is_listen_key(listen_key)
    assert await venue.right(listen_key) == Right(ANN, venue.now + LATER_MS, ())
    venue.now += LATER_MS - 1
    await venue.listen_keys.extend(key, listen_key)
    venue.now += LATER_MS - 1
    assert await venue.listen_keys.give_out(key) == listen_key
    venue.now += LATER_MS - 1
    assert await venue.right(listen_key) == Right(ANN, venue.now + 1, ())
    venue.now += 1
    assert await venue.right(listen_key) == -1125


async def test_it_ends_with_its_api_key(venue: Venue) -> None:
    key = await venue.api_key(expires=venue.now + 1_000)
    listen_key = await venue.listen_keys.give_out(key)
    venue.now += 1_000
    assert await venue.right(listen_key) == -1125
    key = await venue.api_key()
    listen_key = await venue.listen_keys.give_out(key)
    await venue.keys.revoke(await venue.keys.check_owner(ANN, key.key))
    assert await venue.right(listen_key) == -1125


async def test_what_the_api_key_may_not_it_may_not(venue: Venue) -> None:
    blind = await venue.listen_keys.give_out(await venue.api_key(permissions=frozenset({"trade"})))
    assert await venue.right(blind) == -1125
    bound = await venue.listen_keys.give_out(await venue.api_key(networks=(HOME,)))
    assert isinstance(await venue.right(bound), Right)
    assert await venue.right(bound, AWAY) == -2015


async def test_nobody_else_can_end_or_extend_it(venue: Venue) -> None:
    mine, other = await venue.api_key(), await venue.api_key()
    listen_key = await venue.listen_keys.give_out(mine)
    for act in (venue.listen_keys.extend, venue.listen_keys.end):
        with pytest.raises(ApiError) as refused:
            await act(other, listen_key)
        assert refused.value.code == -1125
    await venue.listen_keys.end(mine, listen_key)
    assert await venue.right(listen_key) == -1125
    assert await venue.listen_keys.give_out(mine) != listen_key


async def test_the_database_has_nothing_to_listen_with(venue: Venue) -> None:
    listen_key = await venue.listen_keys.give_out(await venue.api_key())
    held = f"{venue.stored.listen_keys} {venue.stored.sealed_listen_keys}"
    assert listen_key not in held


async def test_what_was_sealed_by_a_lost_key_is_replaced(venue: Venue) -> None:
    key = await venue.api_key()
    first = await venue.listen_keys.give_out(key)
    archive: Any = venue.stored
    another = ListenKeys(archive, Vault([bytes(range(32))]), lambda: venue.now)
    assert await another.give_out(key) != first
    without = ListenKeys(archive, Vault(), lambda: venue.now)
    with pytest.raises(ApiError):
        await without.give_out(key)
