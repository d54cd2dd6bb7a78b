"""The little of Binance's wallet and margin API that general clients ask for when they start.

ccxt asks for coins and for margin pairs before it trades on spot. There is no margin here, so
those lists are empty, and that is the truth.
"""

from __future__ import annotations

from api.auth import Caller
from api.handlers.exchange import Exchange
from api.handlers.parameters import Parameters
from api.handlers.shapes import ZERO, Json
from streams.messages import format_units


async def system_status(exchange: Exchange, parameters: Parameters) -> Json:
    """Whether the exchange works: 0 is normal, 1 maintenance."""
    if exchange.markets.ready:
        return {"status": 0, "msg": "normal"}
    return {"status": 1, "msg": "system maintenance"}


async def coins(exchange: Exchange, caller: Caller, parameters: Parameters) -> list[Json]:
    """The assets that are traded, and what the account has of them. None moves by a network."""
    held = {balance.asset: balance for balance in await exchange.reads.balances(caller.account)}
    traded = {
        asset
        for rules in exchange.markets.rules.values()
        for asset in (rules.config.base, rules.config.quote)
    }
    return [
        {
            "coin": asset,
            "name": asset,
            "depositAllEnable": False,
            "withdrawAllEnable": False,
            "free": format_units(held[asset].available) if asset in held else ZERO,
            "locked": format_units(held[asset].held) if asset in held else ZERO,
            "isLegalMoney": False,
            "trading": asset in traded,
            "networkList": [],
        }
        for asset in sorted(traded | held.keys())
    ]


async def margin_pairs(exchange: Exchange, caller: Caller, parameters: Parameters) -> list[Json]:
    """Pairs, or assets, that can be traded on margin: none."""
    return []


async def isolated_margin_pairs(
    exchange: Exchange, caller: Caller, parameters: Parameters
) -> list[Json]:
    """Pairs that can be traded on isolated margin: none."""
    return []
