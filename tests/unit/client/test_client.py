"""How the client writes requests and reads answers."""

from __future__ import annotations

import httpx
import pytest

from api.auth import check_signature, signed_payload
from api.client import ExchangeError, calls
from api.client.answers import PlacedOrder
from api.client.client import Signer, read

SECRET = "s" * 64


def test_a_signed_call_bears_the_signature_that_the_exchange_asks_for() -> None:
    call = calls.place_order(
        "BTCUSDT", "BUY", "LIMIT", price="100", newClientOrderId="a-1", idempotency_key="once"
    )
    with httpx.Client(base_url="http://exchange") as http:
        request = Signer("k" * 64, SECRET).request(http, call)
    query = request.url.query
    check_signature(signed_payload(query, b""), SECRET, query.rpartition(b"=")[2].decode())
    assert b"newClientOrderId=a-1" in query
    assert request.headers["X-MBX-APIKEY"] == "k" * 64
    assert request.headers["Idempotency-Key"] == "once"


def test_what_everybody_may_ask_needs_no_key_and_an_order_does() -> None:
    with httpx.Client(base_url="http://exchange") as http:
        request = Signer().request(http, calls.depth("BTCUSDT", limit=5))
        assert str(request.url) == "http://exchange/api/v3/depth?symbol=BTCUSDT&limit=5"
        with pytest.raises(ValueError, match="needs an API key"):
            Signer().request(http, calls.account())


def test_an_ack_is_read_as_far_as_it_goes() -> None:
    body = b'{"symbol":"BTCUSDT","orderId":7,"orderListId":-1,"clientOrderId":"a","transactTime":1}'
    order = read(calls.place_order("BTCUSDT", "BUY", "LIMIT"), httpx.Response(200, content=body))
    assert order == PlacedOrder(symbol="BTCUSDT", order_id=7, client_order_id="a", transact_time=1)


@pytest.mark.parametrize(
    ("status", "content", "code", "unknown"),
    [
        (400, b'{"code":-1121,"msg":"Invalid symbol."}', -1121, False),
        (503, b'{"code":-1007,"msg":"Timeout"}', -1007, True),
        (502, b"<html>Bad gateway</html>", 0, True),
    ],
)
def test_an_error_says_whether_the_request_may_have_taken_effect(
    status: int, content: bytes, code: int, unknown: bool
) -> None:
    with pytest.raises(ExchangeError) as raised:
        read(calls.ping(), httpx.Response(status, content=content))
    assert (raised.value.status, raised.value.code) == (status, code)
    assert raised.value.unknown is unknown
