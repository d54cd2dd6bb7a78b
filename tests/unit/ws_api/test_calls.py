"""What a call says, what its signature covers, and what is answered: as Binance documents it."""

from __future__ import annotations

import json

import pytest

from api.auth import check_signature, sign
from api.errors import ApiError, overloaded, unknown_order
from api.handlers.endpoints import PUBLIC, SIGNED
from api.ws_api.calls import answer, id_of, parameters_of, read_call, refusal, signed_request
from api.ws_api.methods import METHODS

KEY = "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A"
SECRET = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j"


def call(**params: object) -> str:
    return json.dumps({"id": "4885f793", "method": "order.place", "params": params})


@pytest.mark.parametrize(
    ("terms", "signature"),
    [
        (
            {"symbol": "BTCUSDT", "side": "SELL", "quantity": "0.01000000"}
            | {"price": "52000.00", "recvWindow": 100},
            "aa1b5712c094bc4e57c05a1a5c1fd8d88dcd628338ea863fec7b88e59fe2db24",
        ),
        (
            {"symbol": "\uff11\uff12\uff13\uff14\uff15\uff16", "side": "BUY"}
            | {"quantity": "1.00000000", "price": "0.10000000", "recvWindow": 5000},
            "b33892ae8e687c939f4468c6268ddd4c40ac1af18ad19a064864c47bae0752cd",
        ),
    ],
)
def test_the_examples_of_the_documentation_are_signed_as_it_says(
    terms: dict[str, object], signature: str
) -> None:
    rest = {"type": "LIMIT", "timeInForce": "GTC", "timestamp": 1645423376532}
    sent = read_call(call(**terms, **rest, apiKey=KEY, signature=signature))
    request = signed_request(sent, "127.0.0.1")
    check_signature(request.payload, SECRET, request.sent["signature"])
    assert (request.api_key, request.address) == (KEY, "127.0.0.1")
    assert "apiKey" not in request.sent
    assert request.sent["timestamp"] == "1645423376532"


def test_every_parameter_is_signed_with_the_digits_it_was_sent_with() -> None:
    text = '{"id":1,"method":"m","params":{"price":0.10,"a":true,"returnRateLimits":false}}'
    request = signed_request(read_call(text), "")
    assert request.payload == b"a=true&price=0.10&returnRateLimits=false"
    assert request.sent == {"price": "0.10", "a": "true"}
    with pytest.raises(ApiError):
        check_signature(request.payload, SECRET, sign(b"a=true&price=0.1", SECRET))


def test_a_list_is_a_parameter_as_in_a_query() -> None:
    sent = read_call('{"id":1,"method":"ticker.price","params":{"symbols":["A","B"]}}')
    assert parameters_of(sent) == {"symbols": '["A","B"]'}


@pytest.mark.parametrize(
    ("text", "call_id"),
    [
        (None, None),
        ("", None),
        ("[]", None),
        ("{", None),
        ('{"method":"ping"}', None),
        ('{"id":7}', 7),
        ('{"id":"a","method":1}', "a"),
        ('{"id":1.5,"method":"ping"}', None),
        ('{"id":"a","method":"ping","params":[]}', "a"),
        (json.dumps({"id": "x" * 65, "method": "ping"}), "x" * 64),
    ],
)
def test_what_is_no_request_is_refused_under_its_id_if_it_has_one(
    text: str | None, call_id: object
) -> None:
    with pytest.raises(ApiError) as refused:
        read_call(text)
    assert refused.value.code == -1135
    assert id_of(text) == call_id


def test_answers_bear_the_id_of_their_request() -> None:
    assert json.loads(answer("a", {"b": 1}, None)) == {"id": "a", "status": 200, "result": {"b": 1}}
    assert json.loads(refusal(None, unknown_order(), 5, None)) == {
        "id": None,
        "status": 400,
        "error": {"code": -2011, "msg": "Unknown order sent."},
    }
    busy = json.loads(refusal(1, overloaded(), 5_000, None))
    assert (busy["status"], busy["error"]["code"]) == (503, -1008)
    assert busy["error"]["data"] == {"serverTime": 5_000, "retryAfter": 6_000}


def test_every_method_is_an_endpoint() -> None:
    assert set(METHODS.values()) <= {(each.method, each.path) for each in (*PUBLIC, *SIGNED)}
