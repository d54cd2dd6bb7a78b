"""What is wrong with a request, each fault under its documented code."""

from __future__ import annotations

from urllib.parse import parse_qsl

import pytest

from api.errors import ApiError
from api.handlers.candles import KLINES
from api.handlers.parameters import Kind, Parameter, Spec, decode, read

SPEC = Spec(
    (
        Parameter("symbol", Kind.SYMBOL, required=True),
        Parameter("symbols", Kind.SYMBOLS),
        Parameter("limit", Kind.LONG),
        Parameter("price", Kind.DECIMAL),
        Parameter("newClientOrderId", Kind.CLIENT_ID),
        Parameter("origClientOrderId", Kind.CLIENT_ID),
        Parameter("flag", Kind.BOOLEAN),
    )
)


def code_of(query: bytes, signed: bool = False) -> int:
    with pytest.raises(ApiError) as refused:
        read(decode(query), SPEC, signed)
    return refused.value.code


@pytest.mark.parametrize(
    ("query", "code"),
    [
        (b"", -1102),
        (b"limit=1", -1102),
        (b"symbol=", -1105),
        (b"symbol=X&newClientOrderId=", -1118),
        (b"symbol=X&origClientOrderId=", -1119),
        (b"symbol=btcusdt", -1100),
        (b"symbol=X%00", -1100),
        (b"symbol=%ff", -1100),
        (b"symbol=" + "Ｘ".encode(), -1100),  # noqa: RUF001 - not percent-encoded
        (b"symbol=X&limit=ten", -1100),
        (b"symbol=X&limit=-1", -1100),
        (b"symbol=X&limit=%D9%A1", -1100),
        (b"symbol=X&price=1e5", -1100),
        (b"symbol=X&price=-1", -1100),
        (b"symbol=X&price=.5", -1100),
        (b"symbol=X&price=NaN", -1100),
        (b"symbol=X&newClientOrderId=a%20b", -1100),
        (b"symbol=X&newClientOrderId=" + b"a" * 37, -1100),
        (b"symbol=X&flag=yes", -1100),
        (b"symbol=X&symbols=BTC", -1100),
        (b"symbol=X&symbol=X", -1101),
        (b"symbol=X&unknown=1", -1101),
        (b"&".join(b"a%d=1" % n for n in range(65)), -1101),
    ],
)
def test_each_fault_has_its_code(query: bytes, code: int) -> None:
    assert code_of(query) == code


@pytest.mark.parametrize(
    "text", ["", "a=1&b=2", "a=1&&b=", "a", "a=b=c", "&a=1&", "=", "=1", "a=%41", "a=+", "a%3D=1"]
)
def test_what_needs_no_decoding_is_taken_apart_as_what_does(text: str) -> None:
    assert decode(text.encode()) == dict(parse_qsl(text, keep_blank_values=True))


def test_an_unknown_parameter_of_a_signed_request_was_not_read() -> None:
    with pytest.raises(ApiError) as refused:
        read(decode(b"symbol=X&limit=1&typo=1"), SPEC, signed=True)
    assert refused.value.code == -1104
    assert refused.value.msg.endswith("read '2' parameter(s) but was sent '3'.")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("1.123456789", -1111),
        ("99999999999999999999", -1108),
    ],
)
def test_an_amount_that_units_cannot_hold_is_refused(text: str, code: int) -> None:
    parameters = read({"symbol": "X", "price": text}, SPEC)
    with pytest.raises(ApiError) as refused:
        parameters.amount("price")
    assert refused.value.code == code


def test_trailing_zeros_are_no_precision() -> None:
    assert read({"symbol": "X", "price": "1.5000000000"}, SPEC).amount("price") == 150_000_000


@pytest.mark.parametrize(("sent", "limit"), [(None, 500), ("7", 7), ("1000", 1000), ("9999", 1000)])
def test_a_limit_has_a_default_and_a_maximum(sent: str | None, limit: int) -> None:
    sending = {"symbol": "X"} if sent is None else {"symbol": "X", "limit": sent}
    assert read(sending, SPEC).limit(500, 1000) == limit


def test_a_limit_of_nothing_is_not_valid() -> None:
    with pytest.raises(ApiError) as refused:
        read({"symbol": "X", "limit": "0"}, SPEC).limit(500, 1000)
    assert refused.value.code == -1130


def test_a_number_beyond_64_bits_overflows() -> None:
    with pytest.raises(ApiError) as refused:
        read({"symbol": "X", "limit": "9" * 20}, SPEC).integer("limit")
    assert refused.value.code == -1108


def test_a_moment_may_come_in_microseconds() -> None:
    spec = Spec((Parameter("startTime", Kind.LONG),))
    for text in ("1499827319559", "1499827319559123"):
        assert read({"startTime": text}, spec).millis("startTime") == 1499827319559


def test_symbols_are_a_list_without_repetition() -> None:
    spec = Spec((Parameter("symbols", Kind.SYMBOLS),))
    assert read({"symbols": '["A","B"]'}, spec).symbols() == ["A", "B"]
    with pytest.raises(ApiError) as refused:
        read({"symbols": '["A","A"]'}, spec).symbols()
    assert refused.value.code == -1151


def test_every_documented_interval_is_offered() -> None:
    (interval,) = [parameter for parameter in KLINES if parameter.name == "interval"]
    expected = "1s 1m 3m 5m 15m 30m 1h 2h 4h 6h 8h 12h 1d 3d 1w 1M"
    assert list(interval.choices) == expected.split()
