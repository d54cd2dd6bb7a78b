"""Who may do what, tried as an attacker would: real broker, real database, several doors."""

from __future__ import annotations

import asyncio
import base64
import secrets
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import jwt
import pytest
from argon2 import PasswordHasher

from api.auth import ADMIN_KEY_HEADER, new_key, sign
from api.handlers.exchange import now_ms
from api.identity.identity import ADMIN_FROM_PLACE_MAX, LOGINS_FROM_PLACE_MAX, LOGINS_MAX
from api.identity.remembered import FRESH_S
from infra.admin import Admin, AdminRefused
from infra.bring_up import bring_up, take_down
from infra.installation import Installation
from infra.settings import Settings
from projections.session import Database
from streams.topics import AUDIT
from tests.integration.doors import another_door, wait
from tests.integration.exchange import read
from tests.integration.rest import Administrator, limit_order
from tests.integration.users import PASSWORD, Json, User, Visitor, ed25519, new_address, new_email

NOT_AUTHORIZED = (401, -1002)
REJECTED_KEY = (401, -2015)
BAD_SIGNATURE = (400, -1022)
OUT_OF_TIME = (400, -1021)
LOCKED = (429, -1003)

NO_HASH = "x" * 129
"""Longer than any password, so that none is hashed: an attacker who spares this machine."""


@pytest.fixture(scope="module")
def installation(make_settings: Callable[..., Settings]) -> Iterator[Installation]:
    """One whose doors stand behind a proxy, which tells where clients are."""
    settings = make_settings(market_partitions=2, proxies="127.0.0.1")
    found = bring_up(settings, lambda name, state, address: None)
    yield Installation(found.settings.model_copy(update={"proxies": settings.proxies}), found.urls)
    for _ in take_down(settings):
        pass


@pytest.fixture(scope="module")
def http(installation: Installation) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=installation.api_url, timeout=20) as client:
        yield client


@pytest.fixture(scope="module")
def admin(installation: Installation, http: httpx.Client) -> Administrator:
    admin = Administrator(installation, http)
    admin.create_market()
    return admin


@pytest.fixture(scope="module")
def other(installation: Installation, admin: Administrator) -> Iterator[httpx.Client]:
    """Another api, which runs all the time."""
    with another_door(installation) as door:
        yield door.http


@pytest.fixture
def ann(http: httpx.Client, admin: Administrator) -> User:
    return User.new(http)


@pytest.fixture
def bob(http: httpx.Client, admin: Administrator) -> User:
    return User.new(http)


def told(answer: httpx.Response) -> tuple[int, int]:
    """The status of a refusal, and its code."""
    assert set(answer.json()) == {"code", "msg"}, answer.text
    return answer.status_code, answer.json()["code"]


def rows(settings: Settings, cql: str, parameters: tuple[object, ...] = ()) -> list[Any]:
    """What the database has."""

    async def ask() -> list[Any]:
        database = await Database.connect(settings)
        try:
            return await database.execute(cql, parameters)
        finally:
            await database.close()

    return asyncio.run(ask())


# -- users and their sessions ---------------------------------------------------------------------


def test_who_registers_has_an_account_and_trades_in_the_session(
    ann: User, bob: User, admin: Administrator
) -> None:
    funds = admin("POST", f"accounts/{ann.account}/deposits", asset="USDT", amount="1000")
    assert funds.status_code == 201
    order = ann.ask("POST", "/api/v3/order", data=limit_order("BUY", "1", "100"))
    assert order["status"] == "NEW"
    (open_order,) = ann.ask("GET", "/api/v3/openOrders")
    assert open_order["orderId"] == order["orderId"]
    assert bob.ask("GET", "/api/v3/openOrders") == []
    by_id = {"symbol": "BTCUSDT", "orderId": order["orderId"]}
    assert told(bob.send("DELETE", "/api/v3/order", params=by_id)) == (400, -2011)
    assert ann.ask("DELETE", "/api/v3/order", params=by_id)["status"] == "CANCELED"
    assert ann.ask("GET", "/auth/v1/me") == {"account": ann.account, "email": ann.email}


def test_an_email_address_has_one_owner_however_it_is_written(
    ann: User, http: httpx.Client
) -> None:
    for email in (ann.email, ann.email.upper(), ann.email.capitalize()):
        assert told(Visitor(http).register(email)) == (409, -1130)
    assert ann.again().account == ann.account
    assert Visitor(http).login(ann.email.upper()).status_code == 200


def test_of_many_who_register_one_address_at_once_one_gets_it(
    http: httpx.Client, other: httpx.Client, admin: Administrator
) -> None:
    email = new_email()
    with ThreadPoolExecutor(8) as pool:
        tries = [
            pool.submit(Visitor(door).register, email, f"password of {number}")
            for number, door in enumerate([http, other] * 4)
        ]
    answers = [each.result() for each in tries]
    winners = [number for number, each in enumerate(answers) if each.status_code == 201]
    assert len(winners) == 1
    assert {told(each) for each in answers if each.status_code != 201} <= {
        (409, -1130),
        (503, -1008),
    }
    for number in range(8):
        right = Visitor(http).login(email, f"password of {number}").status_code == 200
        assert right is (number in winners)


def test_a_registration_that_was_cut_short_is_completed_by_the_first_login(
    http: httpx.Client, admin: Administrator, installation: Installation
) -> None:
    """The api died once the address was taken, before the ledger had the account."""
    email, account = new_email(), f"u-{secrets.token_hex(12)}"
    rows(
        installation.settings,
        "INSERT INTO {venue}.users (email, account, password, version, created)"
        " VALUES (?, ?, ?, ?, ?) IF NOT EXISTS",
        (email, account, PasswordHasher().hash(PASSWORD), 1, now_ms()),
    )
    assert told(Visitor(http).register(email)) == (409, -1130)
    user = User(http, email, Visitor(http).login(email).json())
    assert user.account == account
    assert user.ask("GET", "/api/v3/account")["balances"] == []
    funds = admin("POST", f"accounts/{account}/deposits", asset="USDT", amount="5")
    assert funds.status_code == 201


@pytest.mark.parametrize(
    "terms",
    [
        {"email": "nobody", "password": PASSWORD},
        {"email": "a b@example.com", "password": PASSWORD},
        {"email": "ann@exämple.com", "password": PASSWORD},
        {"email": "ann@example.com\n", "password": PASSWORD},
        {"email": "x@" + "y" * 300, "password": PASSWORD},
        {"email": "ann@example.com", "password": "short"},
        {"email": "ann@example.com", "password": "x" * 129},
        {"email": "ann@example.com", "password": "ann@example.com"},
        {"email": "ann@example.com"},
        {"email": "ann@example.com", "password": PASSWORD, "account": "admin"},
        {"email": ["ann@example.com"], "password": PASSWORD},
    ],
)
def test_what_is_no_address_or_password_is_refused(http: httpx.Client, terms: Json) -> None:
    answer = Visitor(http).request("POST", "/auth/v1/register", json=terms)
    assert told(answer) == (400, -1130)
    assert PASSWORD not in answer.text


def test_a_form_of_another_site_cannot_log_anybody_in(http: httpx.Client, ann: User) -> None:
    terms = {"email": ann.email, "password": PASSWORD}
    assert Visitor(http).request("POST", "/auth/v1/login", data=terms).status_code == 415


def test_a_wrong_password_and_an_unknown_user_look_the_same(ann: User, http: httpx.Client) -> None:
    wrong = Visitor(http).login(ann.email, "not the password")
    unknown = Visitor(http).login(new_email(), "not the password")
    assert told(wrong) == told(unknown) == NOT_AUTHORIZED
    assert wrong.content == unknown.content


def test_answers_with_tokens_are_kept_by_no_cache(ann: User) -> None:
    assert ann.login(ann.email).headers["Cache-Control"] == "no-store"


def test_a_refresh_token_is_good_once_and_its_reuse_ends_the_session(ann: User) -> None:
    first = ann.tokens["refresh_token"]
    second = ann.refresh(first).json()
    ann.tokens = second
    assert ann.holds()
    assert told(ann.refresh(first)) == NOT_AUTHORIZED
    assert not ann.holds()
    assert told(ann.refresh(second["refresh_token"])) == NOT_AUTHORIZED


def test_of_a_refresh_token_used_at_two_doors_at_once_the_session_ends(
    ann: User, other: httpx.Client
) -> None:
    token = ann.tokens["refresh_token"]
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda user: user.refresh(token), [ann, ann.at(other)]))
    assert sum(answer.status_code == 200 for answer in answers) <= 1
    for answer in answers:
        if answer.status_code == 200:
            assert told(ann.refresh(answer.json()["refresh_token"])) == NOT_AUTHORIZED


def test_the_theft_of_one_session_leaves_the_owners_others_alone(ann: User) -> None:
    stolen = ann.again()
    token = stolen.tokens["refresh_token"]
    ann.refresh(token)
    assert told(ann.refresh(token)) == NOT_AUTHORIZED
    assert ann.holds()


def test_who_logs_out_is_out_here_and_soon_everywhere(ann: User, other: httpx.Client) -> None:
    elsewhere, another = ann.at(other), ann.again()
    assert elsewhere.holds()
    ann.ask("POST", "/auth/v1/logout")
    assert not ann.holds()
    assert told(ann.refresh(ann.tokens["refresh_token"])) == NOT_AUTHORIZED
    noticed_by = time.monotonic() + FRESH_S + 2
    wait(lambda: not elsewhere.holds())
    assert time.monotonic() < noticed_by
    assert another.holds()


def test_who_logs_out_everywhere_ends_all_sessions(ann: User) -> None:
    sessions = [ann, ann.again(), ann.again()]
    sessions[1].ask("POST", "/auth/v1/logout", json={"everywhere": True})
    assert not any(session.holds() for session in sessions)
    assert ann.again().holds()


def test_another_password_ends_all_sessions_and_the_old_one_is_good_no_more(ann: User) -> None:
    thief = ann.again()
    terms = {"password": PASSWORD, "new_password": "another password"}
    wrong = ann.send("POST", "/auth/v1/password", json={**terms, "password": "guessed it?"})
    assert told(wrong) == NOT_AUTHORIZED
    ann.tokens = ann.ask("POST", "/auth/v1/password", json=terms)
    assert ann.holds()
    assert not thief.holds()
    assert told(thief.refresh(thief.tokens["refresh_token"])) == NOT_AUTHORIZED
    assert told(ann.login(ann.email, PASSWORD)) == NOT_AUTHORIZED
    assert ann.login(ann.email, "another password").status_code == 200


def test_a_forged_token_opens_nothing(ann: User, bob: User) -> None:
    token = bob.tokens["access_token"]
    head, body, signature = token.split(".")
    claims = jwt.decode(token, options={"verify_signature": False})
    as_ann = {**claims, "sub": ann.account}
    forged = [
        jwt.encode(as_ann, "", algorithm="none"),
        jwt.encode(as_ann, "a guess at the key, long enough for HMAC", algorithm="HS256"),
        ".".join([head, jwt.encode(as_ann, "x" * 32).split(".")[1], signature]),
        ".".join([head, body, signature[:-4] + "AAAA"]),
        ann.tokens["refresh_token"],
        "null",
    ]
    for each in forged:
        bob.tokens = {**bob.tokens, "access_token": each}
        assert told(bob.send("GET", "/api/v3/account")) == NOT_AUTHORIZED
    assert told(ann.refresh(ann.tokens["access_token"])) == NOT_AUTHORIZED


def test_a_session_is_no_administrator_and_a_key_makes_no_keys(ann: User) -> None:
    assert told(ann.send("GET", "/admin/v1/accounts")) == REJECTED_KEY
    key, _ = ann.new_key()
    answer = ann.request("GET", "/auth/v1/keys", {"X-MBX-APIKEY": key})
    assert told(answer) == NOT_AUTHORIZED


def test_users_keys_and_sessions_are_known_to_a_door_that_starts_later(
    ann: User, installation: Installation
) -> None:
    key, sign_it = ann.new_key()
    with another_door(installation) as door:
        later = ann.at(door.http)
        assert later.holds()
        assert later.again().account == ann.account
        assert later.signed(key, sign_it, "GET", "account").status_code == 200


# -- guessing -------------------------------------------------------------------------------------


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


# -- API keys -------------------------------------------------------------------------------------


def test_a_key_does_what_it_is_for_and_no_more(ann: User) -> None:
    order = limit_order("BUY", "1", "100")
    cases = [(["read"], True, False), (["trade"], False, True), (["withdraw"], False, False)]
    for permissions, may_read, may_trade in cases:
        key, sign_it = ann.new_key(permissions=permissions)
        reads = ann.signed(key, sign_it, "GET", "account")
        trades = ann.signed(key, sign_it, "POST", "order/test", **order)
        for answer, may in ((reads, may_read), (trades, may_trade)):
            assert answer.status_code == 200 if may else told(answer) == REJECTED_KEY


def test_a_key_is_good_from_its_networks_alone(ann: User, http: httpx.Client) -> None:
    key, sign_it = ann.new_key(networks=["203.0.113.0/24", "2001:db8::/32"])
    inside, inside_6 = Visitor(http, "203.0.113.7"), Visitor(http, "2001:db8::7")
    assert inside.signed(key, sign_it, "GET", "account").status_code == 200
    assert inside_6.signed(key, sign_it, "GET", "account").status_code == 200
    assert told(ann.signed(key, sign_it, "GET", "account")) == REJECTED_KEY
    spoofed = Visitor(http, f"203.0.113.7, {new_address()}")
    assert told(spoofed.signed(key, sign_it, "GET", "account")) == REJECTED_KEY


def test_a_key_ends_when_it_expires(ann: User) -> None:
    expires = now_ms() + 5_000
    key, sign_it = ann.new_key(expires=expires)

    def has_ended() -> bool:
        began = now_ms()
        answer = ann.signed(key, sign_it, "GET", "account")
        if now_ms() < expires:
            assert answer.status_code == 200
        return began >= expires and told(answer) == REJECTED_KEY

    wait(has_ended)


def test_a_revoked_key_ends_here_at_once_and_soon_everywhere(
    ann: User, other: httpx.Client
) -> None:
    key, sign_it = ann.new_key()
    elsewhere = ann.at(other)
    assert elsewhere.signed(key, sign_it, "GET", "account").status_code == 200
    ann.ask("DELETE", f"/auth/v1/keys/{key}")
    assert told(ann.signed(key, sign_it, "GET", "account")) == REJECTED_KEY
    noticed_by = time.monotonic() + FRESH_S + 2
    wait(lambda: elsewhere.signed(key, sign_it, "GET", "account").status_code == 401)
    assert time.monotonic() < noticed_by
    (listed,) = ann.ask("GET", "/auth/v1/keys")
    assert listed["revoked"] > 0


def test_nobody_sees_or_ends_anothers_keys(ann: User, bob: User) -> None:
    key, sign_it = ann.new_key(label="mine")
    assert bob.ask("GET", "/auth/v1/keys") == []
    assert told(bob.send("DELETE", f"/auth/v1/keys/{key}")) == (404, -1130)
    assert ann.signed(key, sign_it, "GET", "account").status_code == 200
    (listed,) = ann.ask("GET", "/auth/v1/keys")
    assert (listed["api_key"], listed["label"], listed["kind"]) == (key, "mine", "HMAC")
    assert not any("secret" in name for name in listed)


def test_a_stolen_session_makes_no_keys(ann: User) -> None:
    assert told(ann.send("POST", "/auth/v1/keys", json={})) == (400, -1130)
    guessed = ann.send("POST", "/auth/v1/keys", json={"password": "a guess at it"})
    assert told(guessed) == NOT_AUTHORIZED
    assert ann.ask("GET", "/auth/v1/keys") == []


@pytest.mark.parametrize(
    "terms",
    [
        {"permissions": []},
        {"permissions": ["admin"]},
        {"permissions": ["TRADE"]},
        {"networks": ["everywhere"]},
        {"networks": ["203.0.113.7/8"]},
        {"networks": ["203.0.113.7"] * 33},
        {"expires": 1},
        {"expires": -1},
        {"public_key": "AAAA"},
        {"public_key": "-----BEGIN PUBLIC KEY-----\nnot one\n-----END PUBLIC KEY-----"},
        {"label": "a\nb"},
        {"account": "admin"},
    ],
)
def test_a_key_that_cannot_be_is_refused(ann: User, terms: Json) -> None:
    answer = ann.send("POST", "/auth/v1/keys", json={"password": PASSWORD, **terms})
    assert told(answer) == (400, -1130)


def test_an_ed25519_key_signs_and_has_no_secret_here(ann: User, bob: User) -> None:
    public, sign_it = ed25519()
    made = ann.ask("POST", "/auth/v1/keys", json={"password": PASSWORD, "public_key": public})
    assert set(made) == {"account", "api_key"}
    key = made["api_key"]
    assert ann.signed(key, sign_it, "GET", "account").status_code == 200
    order = limit_order("BUY", "1", "100")
    assert ann.signed(key, sign_it, "POST", "order/test", **order).status_code == 200

    _, another = ed25519()
    hmac_by_public_key = [
        lambda payload: sign(payload, public),
        lambda payload: sign(payload, key),
        lambda payload: sign(payload, ""),
    ]
    for wrong in (another, *hmac_by_public_key, lambda payload: sign_it(payload + b"&")):
        assert told(ann.signed(key, wrong, "GET", "account")) == BAD_SIGNATURE
    swapped = ann.signed(key, lambda payload: sign_it(payload).swapcase(), "GET", "account")
    assert told(swapped) == BAD_SIGNATURE


def test_an_old_signed_request_is_refused_and_one_of_the_future_too(ann: User) -> None:
    key, sign_it = ann.new_key()

    def sent(at_ms: int, **more: object) -> tuple[int, int] | int:
        at = now_ms() + at_ms
        answer = ann.signed(key, sign_it, "GET", "account", timestamp=at, **more)
        return answer.status_code if answer.is_success else told(answer)

    assert sent(-6_000) == OUT_OF_TIME
    assert sent(-6_000, recvWindow=60_000) == 200
    assert sent(-61_000, recvWindow=60_000) == OUT_OF_TIME
    assert sent(0, recvWindow=60_001) == (400, -1102)
    assert sent(5_000) == OUT_OF_TIME
    assert sent(365 * 86_400_000, recvWindow=60_000) == OUT_OF_TIME


def test_what_was_changed_after_it_was_signed_is_refused(ann: User, bob: User) -> None:
    key, sign_it = ann.new_key()
    bobs, bob_signs = bob.new_key()
    order = limit_order("BUY", "1", "100")

    def tampered(payload: bytes) -> str:
        return sign_it(payload.replace(b"quantity=1", b"quantity=2"))

    assert told(ann.signed(key, tampered, "POST", "order/test", **order)) == BAD_SIGNATURE
    assert told(ann.signed(key, bob_signs, "GET", "account")) == BAD_SIGNATURE
    assert told(ann.signed(bobs, sign_it, "GET", "account")) == BAD_SIGNATURE
    # A second signature, a second account of the same name in query and body: as signed, or not.
    twice = ann.signed(key, sign_it, "GET", "account", signature="0" * 64)
    assert told(twice) in {(400, -1101), BAD_SIGNATURE}


# -- at rest --------------------------------------------------------------------------------------


def test_the_database_has_neither_passwords_nor_secrets(
    ann: User, installation: Installation
) -> None:
    made = ann.ask("POST", "/auth/v1/keys", json={"password": PASSWORD})
    (user,) = rows(
        installation.settings, "SELECT * FROM {venue}.users WHERE email = ?", (ann.email,)
    )
    (key,) = rows(
        installation.settings, "SELECT * FROM {venue}.keys WHERE key = ?", (made["api_key"],)
    )
    assert any(str(column).startswith("$argon2id$") for column in user)
    hidden = [PASSWORD, made["api_secret"]]
    hidden += [base64.b64encode(each.encode()).decode()[:-4] for each in hidden]
    for column in (*user, *key):
        assert not any(each in str(column) for each in hidden)


def test_a_key_from_before_secrets_were_sealed_works_and_is_sealed_at_the_next_start(
    ann: User, installation: Installation
) -> None:
    old, secret = new_key(), new_key()
    rows(
        installation.settings,
        "INSERT INTO {venue}.api_keys (key, account, secret, permissions, created)"
        " VALUES (?, ?, ?, ?, ?)",
        (old, ann.account, secret, {"read", "trade"}, 1),
    )

    def left() -> list[Any]:
        return rows(installation.settings, "SELECT key FROM {venue}.api_keys WHERE key = ?", (old,))

    def works() -> bool:
        answer = ann.signed(old, lambda payload: sign(payload, secret), "GET", "account")
        return answer.status_code == 200

    assert works()
    with another_door(installation):
        wait(lambda: not left())
    assert works()
    (kept,) = rows(
        installation.settings, "SELECT record, sealed FROM {venue}.keys WHERE key = ?", (old,)
    )
    assert secret not in kept[0] + kept[1]
    assert [key["api_key"] for key in ann.ask("GET", "/auth/v1/keys")] == [old]
    ann.ask("DELETE", f"/auth/v1/keys/{old}")
    assert not works()


# -- the audit log --------------------------------------------------------------------------------


def test_the_audit_log_has_every_change_of_keys_and_who_made_it(
    ann: User, bob: User, admin: Administrator, installation: Installation
) -> None:
    key, _ = ann.new_key(permissions=["read"], networks=["203.0.113.7"])
    ann.ask("DELETE", f"/auth/v1/keys/{key}")
    given = admin("POST", f"accounts/{ann.account}/keys").json()
    assert admin("DELETE", f"accounts/{ann.account}/keys/{given['api_key']}").status_code == 200
    deposit = {"asset": "USDT", "amount": "5", "reference": "wire 7"}
    assert admin("POST", f"accounts/{ann.account}/deposits", **deposit).status_code == 201
    refused = admin("POST", f"accounts/{ann.account}/deposits", asset="USDT", amount="0.123456789")
    assert refused.status_code == 400
    token = ann.tokens["refresh_token"]
    ann.refresh(token)
    ann.refresh(token)

    def entries() -> list[Json]:
        found: list[Json] = admin("GET", f"audit?account={ann.account}").json()
        return found

    expected = [
        ("registered", "begun", f"user:{ann.email}"),
        ("key created", "begun", f"user:{ann.email}"),
        ("key revoked", "begun", f"user:{ann.email}"),
        ("key created", "begun", "admin"),
        ("key revoked", "begun", "admin"),
        ("deposit", "begun", "admin"),
        ("deposit", "begun", "admin"),
        ("deposit", "refused", "admin"),
        ("session stolen", "begun", f"user:{ann.email}"),
    ]
    wait(lambda: len(entries()) >= len(expected))
    found = entries()
    assert [(each["action"], each["outcome"], each["actor"]) for each in found] == expected
    created = found[1]
    assert (created["subject"], created["address"]) == (key, ann.address)
    assert created["details"] == {
        "permissions": "read",
        "networks": "203.0.113.7/32",
        "expires": "0",
    }
    assert found[5]["details"]["amount"] == "5"
    assert found[6]["action_id"] == found[7]["action_id"]
    assert found[7]["details"]["code"] == "-1130"

    own = ann.again().ask("GET", "/auth/v1/audit")
    assert [each["sequence"] for each in own][: len(found)] == [each["sequence"] for each in found]
    assert {each["address"] for each in own if each["actor"] == "admin"} == {""}
    assert not [each for each in bob.ask("GET", "/auth/v1/audit") if each["account"] != bob.account]

    everything = admin("GET", "audit?limit=1000&fromId=0").json()
    sequences = [each["sequence"] for each in everything]
    assert sequences == list(range(len(sequences)))
    page = admin("GET", f"audit?fromId={sequences[2]}&limit=2").json()
    assert [each["sequence"] for each in page] == sequences[2:4]
    assert told(admin("GET", "audit?account=nobody")) == (404, -1130)
    records = asyncio.run(
        read(installation.settings, AUDIT, lambda found: len(found) >= len(sequences))
    )
    log = b"".join(record.value for record in records)
    for hidden in (PASSWORD, given["api_secret"], ann.tokens["refresh_token"], token):
        assert hidden.encode() not in log


def test_what_the_command_line_asks_of_keys_and_the_audit_is_answered(
    installation: Installation, ann: User
) -> None:
    public, sign_it = ed25519()
    with Admin.of(installation) as client:
        made = client.create_key(ann.account, public_key=public, permissions=["read"], label="bot")
        assert ann.signed(made["api_key"], sign_it, "GET", "account").status_code == 200
        (listed,) = client.keys(ann.account)
        assert (listed["kind"], listed["permissions"]) == ("ED25519", ["read"])
        client.revoke_key(ann.account, made["api_key"])
        assert told(ann.signed(made["api_key"], sign_it, "GET", "account")) == REJECTED_KEY
        with pytest.raises(AdminRefused) as refused:
            client.revoke_key(ann.account, new_key())
        assert refused.value.status == 404
        wait(lambda: len(client.audit(account=ann.account)) == 3)
        (last,) = client.audit(account=ann.account, limit=1)
        assert (last["action"], last["subject"]) == ("key revoked", made["api_key"])


def test_an_administrator_lets_somebody_log_in_and_resets_what_was_forgotten(
    admin: Administrator, http: httpx.Client, ann: User
) -> None:
    trader = admin.open_account()
    email = new_email()
    path = f"accounts/{trader.name}/login"
    assert admin("PUT", path, email=email, password=PASSWORD).status_code == 200
    user = User(http, email, Visitor(http).login(email).json())
    assert user.account == trader.name
    assert user.ask("GET", "/api/v3/account")["balances"]

    assert admin("PUT", path, email=email, password="another password").status_code == 200
    assert not user.holds()
    assert told(user.login(email)) == NOT_AUTHORIZED
    assert user.login(email, "another password").status_code == 200
    assert told(admin("PUT", path, email=ann.email, password=PASSWORD)) == (409, -1130)
    assert ann.holds()


def test_with_a_new_key_in_front_secrets_are_sealed_anew(
    ann: User, installation: Installation
) -> None:
    """The last test: doors without the new key can't open what it sealed."""
    key, sign_it = ann.new_key()

    def sealed() -> str:
        ((text,),) = rows(
            installation.settings, "SELECT sealed FROM {venue}.keys WHERE key = ?", (key,)
        )
        return str(text)

    before = sealed()
    old = installation.settings.secret_keys
    assert old is not None
    keys = f"{base64.b64encode(bytes(range(32))).decode()},{old.get_secret_value()}"
    rotated = Settings.model_validate(
        {**installation.settings.model_dump(), "secret_keys": keys}
    ).model_copy(update={"kafka": installation.settings.kafka, "cql": installation.settings.cql})
    with another_door(Installation(rotated, installation.urls)) as door:
        there = ann.at(door.http)
        wait(lambda: sealed().split(".")[1] != before.split(".")[1])
        assert there.signed(key, sign_it, "GET", "account").status_code == 200
        assert there.holds()
