"""What trading costs an account: a market's fees, as nobody has a discount."""

from __future__ import annotations

from api.auth import Caller
from api.feeds.rules import MarketRules
from api.handlers.exchange import Exchange
from api.handlers.parameters import SYMBOL, Kind, Parameter, Parameters
from api.handlers.shapes import ZERO, Json
from streams.messages import BASIS_POINTS, UNIT, format_units

COMMISSION = (SYMBOL,)
TRADE_FEES = (Parameter("symbol", Kind.SYMBOL, description="A market; all where left out."),)


async def commission(exchange: Exchange, caller: Caller, parameters: Parameters) -> Json:
    """The fees of a market, as shares of what is received."""
    rules = exchange.rules(parameters.required("symbol"))
    return {
        "symbol": rules.market,
        "standardCommission": _rates(rules),
        "specialCommission": _NO_RATES,
        "taxCommission": _NO_RATES,
        "discount": {
            "enabledForAccount": False,
            "enabledForSymbol": False,
            "discountAsset": "",
            "discount": ZERO,
        },
    }


async def trade_fees(exchange: Exchange, caller: Caller, parameters: Parameters) -> list[Json]:
    """The fees of markets in short, as Binance's wallet API lists them."""
    symbol = parameters.text("symbol")
    asked = (
        [rules for _, rules in sorted(exchange.markets.rules.items())]
        if symbol is None
        else [exchange.rules(symbol)]
    )
    return [
        {
            "symbol": rules.market,
            "makerCommission": rate(rules.config.maker_fee_bps),
            "takerCommission": rate(rules.config.taker_fee_bps),
        }
        for rules in asked
    ]


def rate(basis_points: int) -> str:
    """A fee as a share of one."""
    return format_units(basis_points * UNIT // BASIS_POINTS)


_NO_RATES = {"maker": ZERO, "taker": ZERO, "buyer": ZERO, "seller": ZERO}


def _rates(rules: MarketRules) -> Json:
    maker, taker = rules.config.maker_fee_bps, rules.config.taker_fee_bps
    return {**_NO_RATES, "maker": rate(maker), "taker": rate(taker)}
