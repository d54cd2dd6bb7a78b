"""Which markets a request is about: `symbol`, `symbols`, `symbolStatus`."""

from __future__ import annotations

from dataclasses import replace

from api.errors import (
    bad_combination,
    bad_symbol_status,
    either_mandatory,
    invalid,
    status_mismatch,
    unavailable,
)
from api.feeds.rules import MarketRules
from api.handlers.exchange import Exchange
from api.handlers.parameters import Kind, Parameter, Parameters
from streams.messages import MarketStatus

ONE_SYMBOL = Parameter("symbol", Kind.SYMBOL, description="A market; all where left out.")
SYMBOLS = Parameter(
    "symbols", Kind.SYMBOLS, description='Markets, as `["BTCUSDT","ETHUSDT"]`; not with `symbol`.'
)
SYMBOL_STATUS = Parameter(
    "symbolStatus",
    Kind.WORD,
    description="Only markets of this status.",
    choices=tuple(each.value for each in MarketStatus),
)
SELECTION = (ONE_SYMBOL, SYMBOLS, SYMBOL_STATUS)

NAMED_MAX = 100
"""Markets that a request may name where it has to name them."""

NAMED_SELECTION = (
    replace(ONE_SYMBOL, description="A market; this or `symbols` is needed."),
    replace(SYMBOLS, description=f'At most {NAMED_MAX} markets, as `["BTCUSDT","ETHUSDT"]`.'),
    SYMBOL_STATUS,
)


def one_market(exchange: Exchange, parameters: Parameters) -> MarketRules:
    """The market of `symbol`. Raises -1121, and -1220 where its status is another."""
    rules = exchange.rules(parameters.required("symbol"))
    if _status(parameters) not in (None, rules.config.status):
        raise status_mismatch()
    return rules


def markets(exchange: Exchange, parameters: Parameters) -> list[MarketRules]:
    """The markets that a request asks for, in the order it names them; else all, by name.

    Raises -1128 for both `symbol` and `symbols`, and as `one_market` does.
    """
    symbols = parameters.symbols()
    if "symbol" in parameters:
        if symbols is not None:
            raise bad_combination()
        return [one_market(exchange, parameters)]
    if symbols is not None:
        asked = [exchange.rules(name) for name in symbols]
    else:
        if not exchange.markets.ready:
            raise unavailable()
        asked = [rules for _, rules in sorted(exchange.markets.rules.items())]
    status = _status(parameters)
    return [rules for rules in asked if status in (None, rules.config.status)]


def named_markets(exchange: Exchange, parameters: Parameters) -> list[MarketRules]:
    """As `markets`, but raises -1102 where none is named, -1130 where more are than may be."""
    if "symbol" not in parameters and "symbols" not in parameters:
        raise either_mandatory("symbol", "symbols")
    if len(parameters.symbols() or ()) > NAMED_MAX:
        raise invalid("symbols")
    return markets(exchange, parameters)


def _status(parameters: Parameters) -> MarketStatus | None:
    return parameters.choice("symbolStatus", MarketStatus, bad_symbol_status)
