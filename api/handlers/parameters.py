"""The parameters of a request: which ones there may be, how each is written, and what was sent.

Every endpoint has a tuple of `Parameter`s: its requests are read by it, and documented by it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from enum import Enum, StrEnum
from functools import lru_cache
from typing import TypeVar
from urllib.parse import parse_qsl

import msgspec

from api.errors import (
    ApiError,
    duplicate_parameter,
    duplicate_symbols,
    empty,
    illegal_characters,
    invalid,
    mandatory,
    overflow,
    too_many_parameters,
    too_precise,
    undecodable,
    unread_parameters,
)
from streams.messages import AmountError, Millis, PrecisionError, Units, parse_units

SENT_MAX = 64
SYMBOLS_MAX = 500
LONG_MAX = 2**63 - 1

AMOUNTS_REMEMBERED = 2**14

_Choice = TypeVar("_Choice", bound=StrEnum)
_symbols = msgspec.json.Decoder(list[str])

# Prices near a market's, and the quantities that people choose, come again and again.
_units = lru_cache(AMOUNTS_REMEMBERED)(parse_units)


class Kind(Enum):
    """How a parameter is written: its legal range, as errors quote it."""

    SYMBOL = "^[A-Z0-9-_.]{1,20}$"
    SYMBOLS = '^\\["[A-Z0-9-_.]{1,20}"(,"[A-Z0-9-_.]{1,20}"){0,}\\]$'
    LONG = "^[0-9]{1,20}$"
    DECIMAL = "^([0-9]{1,20})(\\.[0-9]{1,20})?$"
    BOOLEAN = "^(true|false|TRUE|FALSE)$"
    CLIENT_ID = "^[a-zA-Z0-9-_]{1,36}$"
    LIST = "^\\[[\\s\\S]*\\]$"
    WORD = "^[ -~]{1,200}$"


_LEGAL = {kind: re.compile(kind.value.removeprefix("^").removesuffix("$")) for kind in Kind}


@dataclass(frozen=True, slots=True)
class Parameter:
    """One that an endpoint takes. `choices` are for the documentation of an enum."""

    name: str
    kind: Kind
    required: bool = False
    description: str = ""
    example: str | int | None = None
    choices: tuple[str, ...] = ()


SIGNATURE = (
    Parameter(
        "recvWindow", Kind.DECIMAL, description="For how many ms the request is valid; ≤ 60000."
    ),
    Parameter("timestamp", Kind.LONG, True, "When it was signed, in ms or µs.", 1499827319559),
    Parameter("signature", Kind.WORD, True, "HMAC-SHA256 of query string and body, in hex."),
)


SYMBOL = Parameter("symbol", Kind.SYMBOL, True, "A market.", "BTCUSDT")
START_TIME = Parameter("startTime", Kind.LONG, description="From this moment on, in ms or µs.")
END_TIME = Parameter("endTime", Kind.LONG, description="Until this moment, in ms or µs.")
FROM_ID = Parameter("fromId", Kind.LONG, description="From this one on.")
LIMIT = Parameter("limit", Kind.LONG, description="Default 500, at most 1000.", example=10)

ROWS = 500
ROWS_MAX = 1000
"""What `LIMIT` says."""


class Parameters:
    """What was sent, once it is known to be legal; each getter converts one."""

    def __init__(self, sent: dict[str, str]) -> None:
        self._sent = sent

    def __contains__(self, name: str) -> bool:
        return name in self._sent

    def has_any(self, names: Collection[str]) -> bool:
        return not self._sent.keys().isdisjoint(names)

    def text(self, name: str) -> str | None:
        return self._sent.get(name)

    def required(self, name: str) -> str:
        """Raises -1102 when it was not sent."""
        if name not in self._sent:
            raise mandatory(name)
        return self._sent[name]

    def integer(self, name: str) -> int | None:
        """Raises -1108 when it does not fit 64 bits."""
        text = self._sent.get(name)
        if text is None:
            return None
        if int(text) > LONG_MAX:
            raise overflow(name)
        return int(text)

    def millis(self, name: str) -> Millis | None:
        """A moment, sent in milliseconds or microseconds."""
        value = self.integer(name)
        if value is None:
            return None
        return Millis(value if value < 10**14 else value // 1000)

    def limit(self, default: int, maximum: int) -> int:
        """How many are asked for; more than the maximum gets the maximum."""
        value = self.integer("limit")
        if value == 0:
            raise invalid("limit")
        return default if value is None else min(value, maximum)

    def amount(self, name: str) -> Units | None:
        """A decimal in units; raises -1111 when too precise, -1108 when too large."""
        text = self._sent.get(name)
        if text is None:
            return None
        try:
            return _units(text)
        except PrecisionError as error:
            raise too_precise(name) from error
        except AmountError as error:
            raise overflow(name) from error

    def flag(self, name: str, default: bool) -> bool:
        text = self._sent.get(name)
        return default if text is None else text.lower() == "true"

    def choice(self, name: str, of: type[_Choice], error: Callable[[], ApiError]) -> _Choice | None:
        """One of a closed set; raises the `error` when it is another."""
        text = self._sent.get(name)
        if text is None:
            return None
        # What `of(text)` finds, in a third of the time.
        member = of._value2member_map_.get(text)
        if not isinstance(member, of):
            raise error()
        return member

    def symbols(self) -> list[str] | None:
        """The markets asked for by `symbols`; raises -1151 when one is named twice."""
        if "symbols" not in self._sent:
            return None
        names = _symbols.decode(self._sent["symbols"])
        if len(names) > SYMBOLS_MAX:
            raise invalid("symbols")
        if len(set(names)) != len(names):
            raise duplicate_symbols()
        return names


def decode(encoded: bytes) -> dict[str, str]:
    """Take a query string or a form apart.

    Raises -1100 when it is not percent-encoded UTF-8, -1101 when a name comes twice or there are
    more than any request needs.
    """
    try:
        pairs = _pairs(encoded.decode("ascii"))
    except UnicodeDecodeError as error:
        raise undecodable() from error
    except ValueError as error:
        raise too_many_parameters(SENT_MAX, encoded.count(b"&") + 1) from error
    sent = dict(pairs)
    if len(sent) != len(pairs):
        raise duplicate_parameter()
    return sent


def _pairs(text: str) -> list[tuple[str, str]]:
    """Names and values. Raises `UnicodeDecodeError`, `ValueError` where there are too many.

    Orders are mostly plain text, and then taking them apart needs a quarter of the time.
    """
    if "%" in text or "+" in text:
        return parse_qsl(
            text,
            keep_blank_values=True,
            encoding="utf-8",
            errors="strict",
            max_num_fields=SENT_MAX,
        )
    if text.count("&") >= SENT_MAX:
        raise ValueError("too many fields")
    parts = [pair.partition("=") for pair in text.split("&") if pair]
    return [(name, value) for name, _, value in parts]


class Spec:
    """The parameters an endpoint takes, made ready to hold requests against."""

    def __init__(self, parameters: Iterable[Parameter]) -> None:
        known = {parameter.name: parameter for parameter in parameters}
        self.kinds = {name: parameter.kind for name, parameter in known.items()}
        self.matches = {name: _LEGAL[kind].fullmatch for name, kind in self.kinds.items()}
        self.required = tuple(name for name, parameter in known.items() if parameter.required)


def read(sent: dict[str, str], spec: Spec, signed: bool = False) -> Parameters:
    """Hold what was sent against what the endpoint takes.

    Raises -1104 (-1101 on an endpoint that is not signed) for a parameter it does not take, -1102
    for one it must have, -1105 for an empty one, -1100 for one that is not written as it must be.
    """
    matches = spec.matches
    if not sent.keys() <= matches.keys():
        unknown = sent.keys() - matches.keys()
        if signed:
            raise unread_parameters(len(sent) - len(unknown), len(sent))
        raise too_many_parameters(len(matches), len(sent))
    for name in spec.required:
        if name not in sent:
            raise mandatory(name)
    for name, value in sent.items():
        if not matches[name](value):
            raise illegal_characters(name, spec.kinds[name].value) if value else empty(name)
    return Parameters(sent)


def text_of(name: str, value: object) -> str:
    """A parameter that came as JSON, as it would have been written in a form.

    Numbers keep the digits they were sent with, so decoders must give those that are no integers
    as text. Raises -1105 for null, -1130 for what no parameter is.
    """
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case None:
            raise empty(name)
        case _:
            raise invalid(name)
