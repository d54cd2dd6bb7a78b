"""What trading costs an account: a market's fees, or its own in place of every market's."""

from __future__ import annotations

from api.auth import Caller
from api.feeds.rules import MarketRules
from api.handlers.exchange import Exchange
from api.handlers.parameters import SYMBOL, Kind, Parameter, Parameters
from api.handlers.shapes import ZERO, Json
from api.handlers.standing import state
from streams.messages import BASIS_POINTS, UNIT, AccountFees, format_units

COMMISSION = (SYMBOL,)
TRADE_FEES = (Parameter("symbol", Kind.SYMBOL, description="A market; all where left out."),)


async def commission(exchange: Exchange, caller: Caller, parameters: Parameters) -> Json:
    """The fees of a market, as shares of what is received."""
    rules = exchange.rules(parameters.required("symbol"))
    paid = fees(rules, (await state(exchange, caller.account)).fees)
    return {"symbol": rules.market, **rates(paid)}


def rates(paid: AccountFees) -> Json:
    """What `account/commission` tells of fees, but for the market's name."""
    return {
        "standardCommission": _rates(paid),
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
    own = (await state(exchange, caller.account)).fees
    paid = ((rules.market, fees(rules, own)) for rules in asked)
    return [
        {
            "symbol": market,
            "makerCommission": rate(each.maker_bps),
            "takerCommission": rate(each.taker_bps),
        }
        for market, each in paid
    ]


def fees(rules: MarketRules, own: AccountFees | None) -> AccountFees:
    """What an account pays on a market: its own fees, if it has any."""
    config = rules.config
    return own or AccountFees(config.maker_fee_bps, config.taker_fee_bps)


def rate(basis_points: int) -> str:
    """A fee as a share of one."""
    return format_units(basis_points * UNIT // BASIS_POINTS)


_NO_RATES = {"maker": ZERO, "taker": ZERO, "buyer": ZERO, "seller": ZERO}


def _rates(paid: AccountFees) -> Json:
    return {**_NO_RATES, "maker": rate(paid.maker_bps), "taker": rate(paid.taker_bps)}
