"""Who may act for an account: signatures as Binance documents them, and for how long they hold."""

from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from api.auth import (
    Caller,
    check_ed25519,
    check_key_format,
    check_signature,
    check_time,
    new_key,
    sign,
    signed_payload,
)
from api.errors import ApiError
from streams.messages import AccountId

# From "SIGNED Endpoint Examples" in rest-api.md of binance/binance-spot-api-docs.
SECRET = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j"
TERMS = b"&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1&recvWindow=5000"
ASCII = b"symbol=LTCBTC" + TERMS + b"&timestamp=1499827319559"
OTHER = (
    b"symbol=%EF%BC%91%EF%BC%92%EF%BC%93%EF%BC%94%EF%BC%95%EF%BC%96"
    + TERMS
    + b"&timestamp=1499827319559"
)
ASCII_SIGNATURE = "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71"
OTHER_SIGNATURE = "e1353ec6b14d888f1164ae9af8228a3dbd508bc82eb867db8ab6046442f33ef3"

NOW = 1_499_827_319_559


@pytest.mark.parametrize(
    ("payload", "signature"), [(ASCII, ASCII_SIGNATURE), (OTHER, OTHER_SIGNATURE)]
)
def test_documented_vectors_sign_as_documented(payload: bytes, signature: str) -> None:
    assert sign(payload, SECRET) == signature


def test_letter_case_of_a_signature_does_not_count() -> None:
    check_signature(ASCII, SECRET, ASCII_SIGNATURE.upper())


@pytest.mark.parametrize("signature", ["", "0" * 64, ASCII_SIGNATURE[:-1], "ü" * 64])
def test_any_other_signature_is_refused(signature: str) -> None:
    with pytest.raises(ApiError) as refused:
        check_signature(ASCII, SECRET, signature)
    assert refused.value.code == -1022


# The private key is that of RFC 8032, section 7.1, test 1. Signatures of Ed25519 are deterministic:
# `openssl pkeyutl -sign -rawin` makes the same.
ED25519 = Ed25519PrivateKey.from_private_bytes(
    bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
)
ED25519_PUBLIC = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
ASCII_BY_ED25519 = (
    "3fhuDZ9nYMviDQ5OEtJBJS11jUZDTRzRQ+TQMarm+LErFiJvUiVPQjTzDoWZQe4miPX+yHk1v/Z7TWLYjIbmCA=="
)
OTHER_BY_ED25519 = (
    "BfITFENBHoPvZ29suXBdmBQ+10LOoM4gQ7Fo/OgYC3szsEzecJJHTAwAcIDLwEEwNIUR1V1t71p/h9rKe07rCg=="
)


def test_the_key_of_the_vectors_is_that_of_rfc_8032() -> None:
    assert ED25519.public_key().public_bytes_raw().hex() == ED25519_PUBLIC


@pytest.mark.parametrize(
    ("payload", "signature"), [(ASCII, ASCII_BY_ED25519), (OTHER, OTHER_BY_ED25519)]
)
def test_ed25519_vectors_are_taken(payload: bytes, signature: str) -> None:
    assert base64.b64encode(ED25519.sign(payload)).decode() == signature
    check_ed25519(payload, ED25519.public_key(), signature)


@pytest.mark.parametrize(
    "signature",
    [
        "",
        ASCII_BY_ED25519.swapcase(),
        ASCII_BY_ED25519[:-4],
        OTHER_BY_ED25519,
        ASCII_SIGNATURE,
        ASCII_BY_ED25519 + "\n",
        "ü" * 88,
        "A" * 86 + "==",
    ],
)
def test_any_other_signature_by_ed25519_is_refused(signature: str) -> None:
    with pytest.raises(ApiError) as refused:
        check_ed25519(ASCII, ED25519.public_key(), signature)
    assert refused.value.code == -1022


@pytest.mark.parametrize(
    ("query", "body", "payload"),
    [
        (b"a=1&b=2&signature=x", b"", b"a=1&b=2"),
        (b"", b"a=1&b=2&signature=x", b"a=1&b=2"),
        (b"a=1", b"b=2&signature=x", b"a=1b=2"),
        (b"a=1&signature=x", b"b=2", b"a=1b=2"),
        (b"signature=x&a=1", b"", b"a=1"),
        (b"a=1&signature=x&b=2", b"", b"a=1&b=2"),
        (b"a=%20+1&signature=x", b"", b"a=%20+1"),
        (b"mysignature=1&a=2", b"", b"mysignature=1&a=2"),
    ],
)
def test_signed_is_what_was_sent_but_for_the_signature(
    query: bytes, body: bytes, payload: bytes
) -> None:
    assert signed_payload(query, body) == payload


@pytest.mark.parametrize(
    ("timestamp", "window"),
    [
        (NOW, None),
        (NOW + 999, None),
        (NOW - 5000, None),
        (NOW - 60_000, "60000"),
        (NOW - 1, "1.5"),
        (NOW * 1000, None),
        (NOW * 1000 + 999_999, None),
    ],
)
def test_a_request_in_time_is_taken(timestamp: int, window: str | None) -> None:
    check_time(str(timestamp), window, NOW)


@pytest.mark.parametrize(
    ("timestamp", "window", "code"),
    [
        (str(NOW + 1000), None, -1021),
        (str(NOW - 5001), None, -1021),
        (str(NOW - 2), "1.5", -1021),
        (str(NOW * 1000 + 1_000_000), None, -1021),
        (str(NOW), "60001", -1102),
        (str(NOW), "99999999", -1102),
        (str(NOW), "-1", -1100),
        (str(NOW), "1.2345", -1100),
        ("soon", None, -1100),
        ("-1", None, -1100),
        ("١٤٩٩٨٢٧٣١٩٥٥٩", None, -1100),
        ("", None, -1102),
    ],
)
def test_a_request_out_of_time_is_refused(timestamp: str, window: str | None, code: int) -> None:
    with pytest.raises(ApiError) as refused:
        check_time(timestamp, window, NOW)
    assert refused.value.code == code


def test_a_request_that_expired_while_it_waited_does_not_take_effect() -> None:
    caller = Caller(AccountId("alice"), check_time(str(NOW), "100", NOW))
    caller.check_in_time(NOW + 100)
    with pytest.raises(ApiError) as refused:
        caller.check_in_time(NOW + 101)
    assert refused.value.code == -1021


@pytest.mark.parametrize("key", [None, "", "short", "x" * 65, "!" * 64])
def test_what_cannot_be_a_key_is_refused_before_anybody_is_asked(key: str | None) -> None:
    with pytest.raises(ApiError) as refused:
        check_key_format(key)
    assert (refused.value.code, refused.value.status) == (-2014, 401)


def test_new_keys_are_well_formed_and_differ() -> None:
    assert check_key_format(new_key()) != check_key_format(new_key())
