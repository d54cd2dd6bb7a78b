"""Spans of time as requests name them: zones by their hours, windows by their length."""

from __future__ import annotations

import re

from api.errors import invalid
from api.feeds.candles import DAY_MS, HOUR_MS, MINUTE_MS
from api.handlers.parameters import Kind, Parameter, Parameters

TIME_ZONE = Parameter(
    "timeZone",
    Kind.WORD,
    description="Hours, or hours and minutes, ahead of UTC: `8`, `-1:00`, `05:45`. From -12:00 to"
    " +14:00; default 0. Candles and days begin by its clock.",
    example="0",
)
WINDOW_SIZE = Parameter(
    "windowSize",
    Kind.WORD,
    description="`1m` to `59m`, `1h` to `23h`, `1d` to `7d`; default `1d`.",
    example="1d",
)

WEST_MS = -12 * HOUR_MS
EAST_MS = 14 * HOUR_MS

# A query's `+` that was not escaped is a space.
_ZONE = re.compile(r"([-+ ]?)([0-9]{1,2})(?::([0-5][0-9]))?")
_WINDOW = re.compile(r"([1-9][0-9]?)([mhd])")
_UNITS = {"m": (MINUTE_MS, 59), "h": (HOUR_MS, 23), "d": (DAY_MS, 7)}


def time_zone(parameters: Parameters) -> int:
    """How far ahead of UTC the zone's clocks are, in milliseconds. Raises -1130."""
    match = _ZONE.fullmatch(parameters.text("timeZone") or "0")
    if match is None:
        raise invalid("timeZone")
    sign, hours, minutes = match.groups(default="0")
    ahead = int(hours) * HOUR_MS + int(minutes) * MINUTE_MS
    ahead = -ahead if sign == "-" else ahead
    if not WEST_MS <= ahead <= EAST_MS:
        raise invalid("timeZone")
    return ahead


def window_size(parameters: Parameters) -> int:
    """How long a window is, in milliseconds. Raises -1130."""
    match = _WINDOW.fullmatch(parameters.text("windowSize") or "1d")
    if match is None:
        raise invalid("windowSize")
    length_ms, most = _UNITS[match[2]]
    if int(match[1]) > most:
        raise invalid("windowSize")
    return int(match[1]) * length_ms
