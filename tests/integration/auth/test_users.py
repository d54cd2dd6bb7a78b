"""Users and their sessions, tried as an attacker would, at several doors."""

from __future__ import annotations

import secrets
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import jwt
import pytest
from argon2 import PasswordHasher

from api.handlers.exchange import now_ms
from api.identity.remembered import FRESH_S
from infra.installation import Installation
from tests.integration.auth.refusals import NOT_AUTHORIZED, REJECTED_KEY, rows, told
from tests.integration.doors import another_door, wait
from tests.integration.rest import Administrator, limit_order
from tests.integration.users import PASSWORD, Json, User, Visitor, new_email


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
