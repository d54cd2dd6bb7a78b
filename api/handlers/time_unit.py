"""Answers in microseconds, for who asks for them.

Source: "General API Information" in rest-api.md of binance/binance-spot-api-docs. The log counts in
milliseconds, so the last three digits are zeros.
"""

from __future__ import annotations

from typing import Any

from api.errors import bad_time_unit

_MOMENTS = frozenset(
    {"time", "serverTime", "transactTime", "workingTime", "updateTime", "openTime", "closeTime"}
    | {"transactionTime", "trailingTime"}
)
"""Members of answers that are moments."""

_AGGREGATE_TIME = "T"
_CANDLE_LENGTH, _CANDLE_MOMENTS = 12, (0, 6)
"""A candle is a list; these of its places are moments."""


def wants_microseconds(unit: str) -> bool:
    """Whether a time unit is the microsecond. Raises -1194 for what is none."""
    match unit.upper():
        case "MICROSECOND":
            return True
        case "MILLISECOND":
            return False
        case _:
            raise bad_time_unit()


def in_microseconds(answer: Any) -> Any:
    """An answer with its moments in microseconds."""
    match answer:
        case dict():
            return {name: _member(name, value) for name, value in answer.items()}
        case [int(), str(), *_] if len(answer) == _CANDLE_LENGTH:
            return [
                value * 1000 if place in _CANDLE_MOMENTS else value
                for place, value in enumerate(answer)
            ]
        case list() | tuple():
            return [in_microseconds(each) for each in answer]
        case _:
            return answer


def _member(name: str, value: Any) -> Any:
    if isinstance(value, int):
        return value * 1000 if name in _MOMENTS or name == _AGGREGATE_TIME else value
    return in_microseconds(value)
