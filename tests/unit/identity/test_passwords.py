"""Passwords: hashed in threads of their own, as argon2id, and equally slow for who is not there."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest
from argon2 import PasswordHasher

from api.errors import ApiError
from api.identity import passwords
from api.identity.passwords import Passwords, check_password

QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
PASSWORD = "correct horse battery"


@pytest.fixture
def quick() -> Iterator[Passwords]:
    made = Passwords(QUICK)
    yield made
    made.close()


async def test_a_password_matches_its_hash_and_no_other(quick: Passwords) -> None:
    hashed = await quick.hashed(PASSWORD)
    assert await quick.matches(PASSWORD, hashed)
    assert not await quick.matches(PASSWORD + " ", hashed)
    assert not await quick.matches("", hashed)
    assert hashed != await quick.hashed(PASSWORD)


async def test_today_hashes_are_argon2id_with_64_mib() -> None:
    made = Passwords()
    hashed = await made.hashed(PASSWORD)
    made.close()
    assert hashed.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert not made.is_outdated(hashed)


async def test_a_hash_with_other_parameters_is_outdated_and_still_good(quick: Passwords) -> None:
    old = PasswordHasher(time_cost=2, memory_cost=8, parallelism=1).hash(PASSWORD)
    assert quick.is_outdated(old)
    assert await quick.matches(PASSWORD, old)


async def test_who_is_not_there_has_no_password_but_is_checked_all_the_same(
    quick: Passwords, monkeypatch: pytest.MonkeyPatch
) -> None:
    verified: list[str] = []
    verify = PasswordHasher.verify

    def counted(self: PasswordHasher, hashed: str, password: str) -> bool:
        verified.append(hashed)
        return verify(self, hashed, password)

    monkeypatch.setattr(PasswordHasher, "verify", counted)
    assert not await quick.matches(PASSWORD, None)
    assert len(verified) == 1


@pytest.mark.parametrize("hashed", ["", "plain", "$argon2id$v=19$broken"])
async def test_a_broken_hash_matches_nothing(quick: Passwords, hashed: str) -> None:
    assert not await quick.matches(PASSWORD, hashed)


async def test_the_same_characters_composed_otherwise_are_the_same_password(
    quick: Passwords,
) -> None:
    hashed = await quick.hashed("Zo\u00eb goes to sea")
    assert await quick.matches("Zoe\u0308 goes to sea", hashed)


async def test_hashing_holds_up_nobody_and_a_flood_of_it_is_refused(quick: Passwords) -> None:
    held = threading.Event()
    working = [
        asyncio.create_task(quick._in_a_thread(lambda: held.wait(30)))
        for _ in range(passwords.WAITING_MAX)
    ]
    await asyncio.sleep(0)  # the loop goes round while both threads are held
    with pytest.raises(ApiError) as refused:
        await quick.hashed(PASSWORD)
    assert (refused.value.code, refused.value.status) == (-1008, 503)
    held.set()
    assert all(await asyncio.gather(*working))
    assert await quick.hashed(PASSWORD)


async def test_who_waits_too_long_for_a_hash_is_told_to_come_again(
    quick: Passwords, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passwords, "HASH_LIMIT_S", 0.0)
    held = threading.Event()
    with pytest.raises(ApiError) as refused:
        await quick._in_a_thread(lambda: held.wait(30))
    assert (refused.value.code, refused.value.status) == (-1008, 503)
    held.set()


@pytest.mark.parametrize("password", ["", "short", "x" * 129, "ann@example.com", "ANN@example.com"])
def test_what_is_no_password_is_refused(password: str) -> None:
    with pytest.raises(ApiError) as refused:
        check_password(password, "ann@example.com")
    assert refused.value.code == -1130


@pytest.mark.parametrize("password", ["ten chars!", "x" * 128, "Passwörter sind lang"])
def test_any_other_is_taken(password: str) -> None:
    check_password(password, "ann@example.com")
