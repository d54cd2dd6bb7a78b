"""What clients may say, and what they hear when it is wrong."""

from __future__ import annotations

import json

import pytest

from api.ws.requests import (
    Method,
    RequestError,
    RequestId,
    answer,
    check_property,
    error_answer,
    parse_request,
    stream_names,
)


@pytest.mark.parametrize("request_id", [1, -5, 2**63 - 1, "abc-1", None])
def test_a_request_is_known_by_its_id(request_id: RequestId) -> None:
    request = parse_request(
        json.dumps({"method": "SUBSCRIBE", "params": ["btcusdt@trade"], "id": request_id})
    )

    assert request.method is Method.SUBSCRIBE
    assert stream_names(request) == ["btcusdt@trade"]
    assert json.loads(answer(request.id, None)) == {"result": None, "id": request_id}


@pytest.mark.parametrize(
    ("text", "code", "message", "request_id"),
    [
        ("{", 3, "Invalid JSON", None),
        ("[" * 5000, 3, "Invalid JSON", None),
        ("[]", 2, "expected an object", None),
        ('{"id":1}', 2, "missing field `method`", 1),
        ('{"method":"subscribe","id":2}', 2, "unknown variant subscribe, expected one of", 2),
        ('{"method":[],"id":2}', 2, "unknown variant", 2),
        ('{"method":"SUBSCRIBE","id":1.5}', 2, "request ID must be", None),
        ('{"method":"SUBSCRIBE","id":true}', 2, "request ID must be", None),
        ('{"method":"SUBSCRIBE","id":"not allowed"}', 2, "request ID must be", None),
        ('{"method":"SUBSCRIBE","id":9223372036854775808}', 2, "request ID must be", None),
        ('{"method":"SUBSCRIBE","params":"a","id":3}', 2, "must be an array", 3),
        ('{"method":"SUBSCRIBE","params":[],"extra":1,"id":3}', 2, "too many parameters", 3),
    ],
)
def test_a_malformed_request_is_answered_with_what_is_wrong(
    text: str, code: int, message: str, request_id: RequestId
) -> None:
    with pytest.raises(RequestError) as refused:
        parse_request(text)

    told = json.loads(error_answer(refused.value))
    assert told["error"]["code"] == code
    assert message in told["error"]["msg"]
    assert told["id"] == request_id


@pytest.mark.parametrize("params", [[], [1], ["btcusdt@trade", None]])
def test_streams_are_named_by_strings(params: list[object]) -> None:
    request = parse_request(json.dumps({"method": "SUBSCRIBE", "params": params, "id": 1}))

    with pytest.raises(RequestError, match="stream names"):
        stream_names(request)


@pytest.mark.parametrize(
    ("params", "code"),
    [([], 2), ([1, True], 2), (["single", True], 0), (["combined", "yes"], 1), (["combined"], 1)],
)
def test_combined_is_the_one_property(params: list[object], code: int) -> None:
    request = parse_request(json.dumps({"method": "SET_PROPERTY", "params": params, "id": 1}))

    with pytest.raises(RequestError) as refused:
        check_property(request, arguments=2)
    assert refused.value.code == code
