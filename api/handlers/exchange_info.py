"""The markets and their rules, as `exchangeInfo` lists them."""

from __future__ import annotations

import re

import msgspec

from api.errors import bad_combination, invalid
from api.handlers import shapes
from api.handlers.exchange import Exchange
from api.handlers.parameters import Kind, Parameter, Parameters
from api.handlers.rate_limits import advertised
from api.handlers.selection import ONE_SYMBOL, SYMBOL_STATUS, SYMBOLS, markets
from api.handlers.shapes import Json

EXCHANGE_INFO = (
    ONE_SYMBOL,
    SYMBOLS,
    Parameter(
        "permissions",
        Kind.WORD,
        description='`SPOT`, or a list such as `["SPOT","MARGIN"]`. Every market has `SPOT` alone.',
        example="SPOT",
    ),
    Parameter("showPermissionSets", Kind.BOOLEAN, description="Default true."),
    SYMBOL_STATUS,
)

PERMISSION = "SPOT"
"""What an account needs, and has, to trade on a market."""

_WORD = re.compile(r"SPOT|MARGIN|LEVERAGED|TRD_GRP_[0-9]{3}")
_words = msgspec.json.Decoder(list[str])


async def exchange_info(exchange: Exchange, parameters: Parameters) -> Json:
    """The markets, and the rules that orders must keep."""
    named = "symbol" in parameters or "symbols" in parameters
    if named and ("permissions" in parameters or "symbolStatus" in parameters):
        raise bad_combination()
    asked = markets(exchange, parameters)
    if PERMISSION not in _permissions(parameters):
        asked = []
    listed = [shapes.market(rules) for rules in asked]
    if not parameters.flag("showPermissionSets", True):
        for market in listed:
            market["permissionSets"] = []
    return {
        "timezone": "UTC",
        "serverTime": exchange.clock(),
        "rateLimits": advertised(exchange),
        "exchangeFilters": [],
        "symbols": listed,
    }


def _permissions(parameters: Parameters) -> list[str]:
    """Those of which a market must have one. Raises -1130 for what is none."""
    text = parameters.text("permissions")
    if text is None:
        return [PERMISSION]
    try:
        words = _words.decode(text) if text.startswith("[") else [text]
    except msgspec.DecodeError as error:
        raise invalid("permissions") from error
    if not words or not all(map(_WORD.fullmatch, words)):
        raise invalid("permissions")
    return words
