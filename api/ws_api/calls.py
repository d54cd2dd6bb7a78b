"""One request and its answer, as text. Pure.

Source: "Request format", "Response format" and "Request security" in web-socket-api.md of
binance/binance-spot-api-docs. `rateLimits` is left out of answers: there are none yet.
"""

from __future__ import annotations

from typing import Any

import msgspec

from api.errors import ApiError, invalid_json
from api.handlers import shapes
from api.handlers.entry import SignedRequest
from api.handlers.parameters import text_of

CallId = str | int | None

ID_LENGTH_MAX = 64

HIDE_LIMITS = "returnRateLimits"
"""Whether to tell of rate limits: taken, and without effect while there are none."""


class Call(msgspec.Struct, frozen=True):
    """What a client wants; its answer bears the same id."""

    id: CallId
    method: str
    params: dict[str, Any] = {}


class _Identified(msgspec.Struct):
    id: CallId = None


_decoder = msgspec.json.Decoder(Call, float_hook=str)
_ids = msgspec.json.Decoder(_Identified)
_encoder = msgspec.json.Encoder()


def read_call(text: str | None) -> Call:
    """Read a request; `None` is one that was not text. Raises -1135 for what is none."""
    if text is None:
        raise invalid_json()
    try:
        call = _decoder.decode(text)
    except msgspec.DecodeError as error:
        raise invalid_json() from error
    if isinstance(call.id, str) and len(call.id) > ID_LENGTH_MAX:
        raise invalid_json()
    return call


def id_of(text: str | None) -> CallId:
    """The id of what may be no proper request, as far as it can be told."""
    try:
        found = _ids.decode(text or "").id
    except msgspec.DecodeError:
        return None
    return found[:ID_LENGTH_MAX] if isinstance(found, str) else found


def parameters_of(call: Call) -> dict[str, str]:
    """The parameters of a public method. Raises -1105, -1130."""
    sent = _texts(call)
    sent.pop(HIDE_LIMITS, None)
    return sent


def signed_request(call: Call, address: str) -> SignedRequest:
    """A signed method's parameters, and what their signature covers: all others, by name.

    Raises -1105, -1130.
    """
    sent = _texts(call)
    payload = "&".join(f"{name}={sent[name]}" for name in sorted(sent) if name != "signature")
    sent.pop(HIDE_LIMITS, None)
    key = sent.pop("apiKey", None)
    return SignedRequest(key, sent, payload.encode("utf-8", "replace"), address=address)


def _texts(call: Call) -> dict[str, str]:
    """Parameters as they are written in a query; lists, such as `symbols`, stay JSON."""
    return {
        name: _encoder.encode(value).decode() if isinstance(value, list) else text_of(name, value)
        for name, value in call.params.items()
    }


def answer(call_id: CallId, result: Any) -> bytes:
    """What a request came to."""
    return _encoder.encode({"id": call_id, "status": 200, "result": result})


def refusal(call_id: CallId, error: ApiError, now_ms: int) -> bytes:
    """Why it came to nothing; where waiting helps, until when."""
    told = shapes.refusal(error)
    if error.retry_after_s is not None:
        told["data"] = {"serverTime": now_ms, "retryAfter": now_ms + 1000 * error.retry_after_s}
    return _encoder.encode({"id": call_id, "status": error.status, "error": told})


def shutdown_notice(now_ms: int) -> bytes:
    """What clients are told before the server goes."""
    return _encoder.encode({"event": {"e": "serverShutdown", "E": now_ms}})
