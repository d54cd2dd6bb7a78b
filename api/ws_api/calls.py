"""One request and its answer, as text. Pure.

Source: "Request format", "Response format", "Rate limits" and "Request security" in
web-socket-api.md of binance/binance-spot-api-docs.
"""

from __future__ import annotations

from typing import Any

import msgspec

from api.errors import ApiError, invalid_json
from api.handlers import shapes
from api.handlers.entry import SignedRequest
from api.handlers.parameters import text_of
from api.handlers.shapes import Json

CallId = str | int | None

ID_LENGTH_MAX = 64

SHOW_LIMITS = "returnRateLimits"
"""Whether an answer tells of rate limits: by request, else by connection, else yes."""


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
    sent.pop(SHOW_LIMITS, None)
    return sent


def signed_request(call: Call, address: str, logged_on: str | None = None) -> SignedRequest:
    """A signed method's parameters, and what their signature covers: all others, by name.

    Where the connection has logged on with a key, a request that names none is in its name.
    Raises -1105, -1130.
    """
    sent = _texts(call)
    payload = "&".join(f"{name}={sent[name]}" for name in sorted(sent) if name != "signature")
    sent.pop(SHOW_LIMITS, None)
    key = sent.pop("apiKey", None)
    ours = logged_on if key is None and "signature" not in sent else None
    payload_bytes = payload.encode("utf-8", "replace")
    return SignedRequest(key, sent, payload_bytes, address=address, logged_on=ours)


def _texts(call: Call) -> dict[str, str]:
    """Parameters as they are written in a query; lists, such as `symbols`, stay JSON."""
    return {
        name: _encoder.encode(value).decode() if isinstance(value, list) else text_of(name, value)
        for name, value in call.params.items()
    }


def shows_limits(call: Call, default: bool) -> bool:
    """Whether the answer is to tell of rate limits; `default` is what its connection asked for."""
    asked = call.params.get(SHOW_LIMITS)
    return default if asked is None else str(asked).lower() != "false"


def answer(call_id: CallId, result: Any, limits: list[Json] | None) -> bytes:
    """What a request came to; with the limits it counts towards, unless they are not to be told."""
    told = {"id": call_id, "status": 200, "result": result}
    return _encoder.encode(told if limits is None else {**told, "rateLimits": limits})


def refusal(call_id: CallId, error: ApiError, now_ms: int, limits: list[Json] | None) -> bytes:
    """Why it came to nothing; where waiting helps, until when. Limits as in `answer`."""
    told = shapes.refusal(error)
    if error.retry_after_s is not None:
        told["data"] = {"serverTime": now_ms, "retryAfter": now_ms + 1000 * error.retry_after_s}
    refused = {"id": call_id, "status": error.status, "error": told}
    return _encoder.encode(refused if limits is None else {**refused, "rateLimits": limits})


def shutdown_notice(now_ms: int) -> bytes:
    """What clients are told before the server goes."""
    return _encoder.encode({"event": {"e": "serverShutdown", "E": now_ms}})
