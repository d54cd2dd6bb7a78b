"""Guessing costs who guesses, and nobody else."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import httpx

from api.auth import ADMIN_KEY_HEADER
from api.identity.identity import ADMIN_FROM_PLACE_MAX, LOGINS_FROM_PLACE_MAX, LOGINS_MAX
from infra.installation import Installation
from tests.integration.auth.refusals import (
    BAD_SIGNATURE,
    LOCKED,
    NO_HASH,
    NOT_AUTHORIZED,
    REJECTED_KEY,
    told,
)
from tests.integration.doors import another_door
from tests.integration.users import User, Visitor, new_email


def test_who_guesses_a_password_is_locked_out_and_the_owner_goes_on_trading(
    ann: User, http: httpx.Client
) -> None:
    key, sign_it = ann.new_key()
    for _ in range(LOGINS_MAX):
        assert told(Visitor(http).login(ann.email, NO_HASH)) == NOT_AUTHORIZED
    locked = Visitor(http).login(ann.email, "a guess at it")
    assert told(locked) == LOCKED
    assert 0 < int(locked.headers["Retry-After"]) <= 900
    # Even the right password: else the lock would tell when it is found.
    assert told(ann.login(ann.email)) == LOCKED
    assert ann.signed(key, sign_it, "GET", "account").status_code == 200
    assert ann.holds()
    assert ann.refresh(ann.tokens["refresh_token"]).status_code == 200


def test_guesses_at_once_are_no_way_around(ann: User, http: httpx.Client) -> None:
    with ThreadPoolExecutor(16) as pool:
        answers = list(
            pool.map(
                lambda number: Visitor(http).login(ann.email, f"a guess, number {number}"),
                range(3 * LOGINS_MAX),
            )
        )
    outcomes = [told(answer) for answer in answers]
    assert outcomes.count(NOT_AUTHORIZED) <= LOGINS_MAX
    assert set(outcomes) <= {NOT_AUTHORIZED, LOCKED, (503, -1008)}


def test_who_tries_many_users_is_locked_out_alone(ann: User, http: httpx.Client) -> None:
    attacker = Visitor(http)
    outcomes = {told(attacker.login(new_email(), NO_HASH)) for _ in range(LOGINS_FROM_PLACE_MAX)}
    assert outcomes == {NOT_AUTHORIZED}
    assert told(attacker.login(ann.email)) == LOCKED
    assert Visitor(http).login(ann.email).status_code == 200


def test_an_account_of_ones_own_does_not_buy_more_guesses(
    ann: User, bob: User, http: httpx.Client
) -> None:
    for _ in range(LOGINS_MAX):
        bob.login(ann.email, NO_HASH)
    assert bob.login(bob.email).status_code == 200
    assert told(bob.login(ann.email, NO_HASH)) == LOCKED
    for _ in range(LOGINS_FROM_PLACE_MAX - LOGINS_MAX):
        bob.login(new_email(), NO_HASH)
    assert told(bob.login(bob.email)) == LOCKED


def test_bad_signatures_lock_out_who_sends_them_and_not_the_keys_owner(
    ann: User, http: httpx.Client
) -> None:
    key, sign_it = ann.new_key()
    attacker = Visitor(http)
    outcomes = [
        told(attacker.signed(key, lambda _: "0" * 64, "GET", "account")) for _ in range(110)
    ]
    assert outcomes[:100] == [BAD_SIGNATURE] * 100
    assert outcomes[-1] == LOCKED
    assert ann.signed(key, sign_it, "GET", "account").status_code == 200
    # Not even from where the attack comes from: an office shares its address.
    assert attacker.signed(key, sign_it, "GET", "account").status_code == 200


def test_who_guesses_the_administrators_key_is_locked_out(
    installation: Installation, http: httpx.Client
) -> None:
    attacker = Visitor(http)

    def ask(key: str) -> httpx.Response:
        return attacker.request("GET", "/admin/v1/accounts", {ADMIN_KEY_HEADER: key})

    for number in range(ADMIN_FROM_PLACE_MAX):
        assert told(ask(f"guess {number}")) == REJECTED_KEY
    right = installation.settings.admin_key
    assert right is not None
    assert told(ask(right.get_secret_value())) == LOCKED
    attacker = Visitor(http)
    assert ask(right.get_secret_value()).status_code == 200


def test_an_address_that_no_proxy_told_is_not_believed(installation: Installation) -> None:
    """The next test's allow-list would be worth nothing else."""
    direct = installation.settings.model_copy(update={"proxies": ""})
    with another_door(Installation(direct, installation.urls)) as door:
        user = User.new(door.http)
        key, sign_it = user.new_key(networks=["203.0.113.0/24"])
        outside = Visitor(door.http, "203.0.113.7")
        assert told(outside.signed(key, sign_it, "GET", "account")) == REJECTED_KEY
