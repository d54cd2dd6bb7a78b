"""What a demonstration needs on the exchange: its markets, and accounts with money."""

from __future__ import annotations

import secrets
from decimal import Decimal

from infra.admin import Admin, AdminRefused
from infra.demo.traders import DemoMarket

MARKETS = (
    DemoMarket(
        "BTCUSDT",
        "BTC",
        "USDT",
        tick=Decimal("0.01"),
        lot=Decimal("0.00001"),
        price=Decimal(60_000),
        size=Decimal("0.01"),
    ),
    DemoMarket(
        "ETHUSDT",
        "ETH",
        "USDT",
        tick=Decimal("0.01"),
        lot=Decimal("0.0001"),
        price=Decimal(3_000),
        size=Decimal("0.2"),
    ),
)
FUNDS = {"USDT": Decimal(1_000_000), "BTC": Decimal(20), "ETH": Decimal(400)}
FEE_BPS = 10
CONFLICT = 409


def register_markets(admin: Admin) -> None:
    """Create the markets that are not there yet."""
    for market in MARKETS:
        try:
            admin.create_market(
                symbol=market.symbol,
                base=market.base,
                quote=market.quote,
                tick=str(market.tick),
                lot=str(market.lot),
                min_notional="1",
                maker_fee_bps=FEE_BPS,
                taker_fee_bps=FEE_BPS,
            )
        except AdminRefused as error:
            if error.status != CONFLICT:
                raise


def fund_accounts(admin: Admin, count: int) -> list[tuple[str, str]]:
    """Open new accounts, each with the same funds; returns their API keys and secrets."""
    run = secrets.token_hex(3)
    keys = []
    for number in range(count):
        name = f"demo-{run}-{number}"
        admin.create_account(name)
        for asset, amount in FUNDS.items():
            admin.deposit(name, asset, str(amount), reference=f"demo {run}")
        key = admin.create_key(name)
        keys.append((key["api_key"], key["api_secret"]))
    return keys
