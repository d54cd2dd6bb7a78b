"""What a request says, wherever in it: query, form or JSON."""

from __future__ import annotations

import httpx
import pytest
from starlette.requests import Request

from api.auth import API_KEY_HEADER, sign
from api.errors import ApiError
from api.handlers.entry import SignedRequest
from api.handlers.parameters import text_of
from api.rest.http import FORM, JSON, Body
from api.rest.routes import read_request

ORDERS = b'[{"symbol": "BTCUSDT", "quantity": 0.10}]'


def received(query: bytes, body: bytes = b"", kind: str = FORM) -> SignedRequest:
    headers = [(API_KEY_HEADER.lower().encode(), b"k")]
    scope = {"type": "http", "query_string": query, "headers": headers}
    return read_request(Request(scope), Body(kind, body))


def test_a_query_wins_over_a_form_and_both_are_signed() -> None:
    request = received(b"a=1&signature=s", b"a=2&b=3")
    assert request.sent == {"a": "1", "b": "3", "signature": "s"}
    assert request.payload == b"a=1a=2&b=3"
    assert request.api_key == "k"


def test_a_json_body_is_parameters_and_is_signed_as_it_is() -> None:
    body = b'{"batchOrders": %s, "timestamp": 1, "flag": true, "price": 0.10}' % ORDERS
    request = received(b"signature=s", body, JSON)
    assert request.sent == {
        "batchOrders": ORDERS.decode(),
        "timestamp": "1",
        "flag": "true",
        "price": "0.10",
        "signature": "s",
    }
    assert request.payload == body


def test_nothing_can_be_slipped_into_a_signed_json_body() -> None:
    """In a form, `&signature=` and what follows is left out of what is signed."""
    body = b'{"a":"x&signature=y"}'
    assert received(b"", body, JSON).payload == body


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"a":\xff}', b'{"a":}', b'"a"'])
def test_what_is_no_json_object_is_refused(body: bytes) -> None:
    with pytest.raises(ApiError) as refused:
        received(b"", body, JSON)
    assert refused.value.code == -1135


@pytest.mark.parametrize(("value", "code"), [(None, -1105), ({}, -1130), ([], -1130)])
def test_what_no_parameter_is_has_its_code(value: object, code: int) -> None:
    with pytest.raises(ApiError) as refused:
        text_of("price", value)
    assert refused.value.code == code


def test_the_example_of_the_documentation_is_signed_the_same_by_any_client() -> None:
    """The vector of Binance's rest-api.md, through what httpx makes of it."""
    secret = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j"
    query = (
        "symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1"
        "&recvWindow=5000&timestamp=1499827319559"
    )
    url = httpx.URL("http://door", query=query.encode())
    assert sign(received(url.query).payload, secret) == (
        "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71"
    )
