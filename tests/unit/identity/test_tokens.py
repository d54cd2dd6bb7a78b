"""Session tokens, as somebody would forge them."""

from __future__ import annotations

import base64
import json

import jwt
import pytest

from api.errors import ApiError
from api.identity.tokens import ACCESS_S, REFRESH_S, SESSION_S, Claims, Tokens, Use
from api.identity.vault import Vault
from streams.messages import AccountId

NOW = 1_499_827_319
OLD, NEW = bytes(32), bytes(range(32))
ANN = AccountId("ann")


def made(use: Use = Use.ACCESS, vault: Vault | None = None, venue: str = "velocity") -> str:
    return Tokens(vault or Vault([OLD]), venue).make(use, ANN, "s-1", 3, NOW, NOW)


def read(token: str, use: Use = Use.ACCESS, now: int = NOW, vault: Vault | None = None) -> Claims:
    return Tokens(vault or Vault([OLD]), "velocity").read(use, token, now)


def refused(token: str, use: Use = Use.ACCESS, now: int = NOW) -> bool:
    with pytest.raises(ApiError) as error:
        read(token, use, now)
    return (error.value.code, error.value.status) == (-1002, 401)


@pytest.mark.parametrize(("use", "life_s"), [(Use.ACCESS, ACCESS_S), (Use.REFRESH, REFRESH_S)])
def test_a_token_says_whose_it_is_until_it_ends(use: Use, life_s: int) -> None:
    token = made(use)
    claims = read(token, use, NOW + life_s - 1)
    assert (claims.sub, claims.sid, claims.gen, claims.auth_time) == (ANN, "s-1", 3, NOW)
    assert refused(token, use, NOW + life_s)


def test_no_token_outlives_its_session() -> None:
    late = NOW + SESSION_S - 5
    tokens = Tokens(Vault([OLD]), "velocity")
    token = tokens.make(Use.REFRESH, ANN, "s-1", 3, NOW, late)
    assert tokens.read(Use.REFRESH, token, late).exp == NOW + SESSION_S


def test_a_refresh_token_does_not_open_what_an_access_token_does() -> None:
    assert refused(made(Use.REFRESH), Use.ACCESS)
    assert refused(made(Use.ACCESS), Use.REFRESH)


def test_a_token_of_another_venue_or_of_another_key_is_refused() -> None:
    assert refused(made(venue="elsewhere"))
    assert refused(made(vault=Vault([NEW])))


def test_sessions_outlive_a_change_of_keys() -> None:
    assert read(made(vault=Vault([OLD])), vault=Vault([NEW, OLD])).sub == ANN


def forged(header: dict[str, object], claims: dict[str, object], signature: str = "") -> str:
    parts = [
        base64.urlsafe_b64encode(json.dumps(each).encode()).decode().rstrip("=")
        for each in (header, claims)
    ]
    return ".".join([*parts, signature])


def test_a_token_without_a_signature_is_refused() -> None:
    header, claims = jwt.get_unverified_header(made()), claims_of(made())
    for algorithm in ("none", "None", "HS512", "RS256"):
        assert refused(forged({**header, "alg": algorithm}, claims))
    assert refused(forged(header, claims, made().rpartition(".")[2][:-2] + "AA"))


def test_a_token_with_another_account_written_in_is_refused() -> None:
    header, _, signature = made().split(".")
    claims = {**claims_of(made()), "sub": "bob"}
    assert refused(".".join([header, forged({}, claims).split(".")[1], signature]))


@pytest.mark.parametrize("missing", ["sub", "sid", "gen", "exp", "aud", "iss", "auth_time"])
def test_a_token_that_lacks_something_is_refused(missing: str) -> None:
    claims = claims_of(made())
    del claims[missing]
    key = Vault([OLD]).signing_key()
    assert key is not None
    assert refused(jwt.encode(claims, key[1], "HS256", {"kid": key[0]}))


@pytest.mark.parametrize("token", ["", "a", "a.b.c", "....", "ü" * 9, "x" * 5000, made() + "."])
def test_what_is_no_token_is_refused(token: str) -> None:
    assert refused(token)


def test_without_keys_there_are_no_sessions() -> None:
    with pytest.raises(ApiError) as error:
        Tokens(Vault(), "velocity").make(Use.ACCESS, ANN, "s-1", 0, NOW, NOW)
    assert error.value.code == -1020
    with pytest.raises(ApiError) as error:
        read(made(), vault=Vault())
    assert error.value.code == -1002


def claims_of(token: str) -> dict[str, object]:
    return jwt.decode(token, options={"verify_signature": False})
