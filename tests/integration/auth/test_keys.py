"""What an API key may do, from where, for how long, and who may end it."""

from __future__ import annotations

import time

import httpx
import pytest

from api.auth import sign
from api.handlers.exchange import now_ms
from api.identity.remembered import FRESH_S
from tests.integration.auth.refusals import (
    BAD_SIGNATURE,
    NOT_AUTHORIZED,
    OUT_OF_TIME,
    REJECTED_KEY,
    told,
)
from tests.integration.doors import wait
from tests.integration.rest import limit_order
from tests.integration.users import PASSWORD, Json, User, Visitor, ed25519, new_address


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
