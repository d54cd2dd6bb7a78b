"""Administration of markets and money; `accounts` has that of accounts.

Each change is a command on the log, so that a replay knows when it took effect. Who may call these
is the door's business.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Annotated

import msgspec

from api.errors import (
    bad_market,
    invalid,
    market_exists,
    rejection,
    unexpected,
    unknown_status,
)
from api.feeds.rules import MarketRules
from api.handlers.accounts import account_of
from api.handlers.exchange import Exchange
from api.handlers.shapes import Json
from streams.messages import (
    BASIS_POINTS,
    NO_TERMS,
    UNIT,
    AmountError,
    Asset,
    BalanceUpdate,
    ConfigureMarket,
    Deposit,
    Market,
    MarketConfig,
    MarketId,
    MarketStatus,
    RequestRejected,
    Units,
    format_units,
    parse_units,
)

MARKET_LIMIT_S = 10.0
MARKET_POLL_S = 0.02

# Python's `$` would let a line feed follow. What gets past here, a ledger must be able to read: a
# command that it can't takes its whole frame with it, others' commands and all.
_END = r"$(?!\n)"
_ASSET = r"^[A-Z0-9]{1,12}" + _END
_SYMBOL = r"^[A-Z0-9]{2,20}" + _END
_REFERENCE = r"^[ -~]{0,64}" + _END

AssetName = Annotated[str, msgspec.Meta(pattern=_ASSET)]
Bps = Annotated[int, msgspec.Meta(ge=0, lt=BASIS_POINTS)]


class Bounds(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What bounds a market's orders, as decimal strings: the filters PRICE_FILTER, LOT_SIZE,
    MARKET_LOT_SIZE and NOTIONAL. 0 is no bound; what is left out stays as it is.
    """

    min_price: str | None = None
    max_price: str | None = None
    min_quantity: str | None = None
    max_quantity: str | None = None
    max_market_quantity: str | None = None
    max_notional: str | None = None


BOUNDS = Bounds.__struct_fields__


class NewMarket(Bounds, forbid_unknown_fields=True):
    """A market to be; amounts are decimal strings, fees in basis points."""

    symbol: Annotated[str, msgspec.Meta(pattern=_SYMBOL)]
    base: AssetName
    quote: AssetName
    tick: str
    lot: str
    min_notional: str = "0"
    maker_fee_bps: Bps = 0
    taker_fee_bps: Bps = 0
    protection_bps: Annotated[int, msgspec.Meta(ge=1, le=BASIS_POINTS)] = 500


class MarketChange(Bounds, forbid_unknown_fields=True):
    """What of a market is to change; the rest stays. `reason` is for people, and shown to them.

    It halts itself where its price moves by more than `band_bps` within `band_ms`; 0 for never.
    """

    status: MarketStatus | None = None
    reason: Annotated[str, msgspec.Meta(pattern=_REFERENCE)] | None = None
    min_notional: str | None = None
    maker_fee_bps: Bps | None = None
    taker_fee_bps: Bps | None = None
    protection_bps: Annotated[int, msgspec.Meta(ge=1, le=BASIS_POINTS)] | None = None
    band_bps: Annotated[int, msgspec.Meta(ge=0, le=BASIS_POINTS)] | None = None
    band_ms: Annotated[int, msgspec.Meta(ge=0, le=24 * 3_600_000)] | None = None


class NewDeposit(msgspec.Struct, forbid_unknown_fields=True):
    """Money that came in; `reference` names it for whoever audits."""

    asset: AssetName
    amount: str
    reference: Annotated[str, msgspec.Meta(pattern=_REFERENCE)] = ""


def market(rules: MarketRules) -> Json:
    """A market as administrators see it."""
    config = rules.config
    return {
        "symbol": config.market,
        "status": config.status.value,
        "base": config.base,
        "quote": config.quote,
        "tick": config.tick_size,
        "lot": config.lot_size,
        "min_notional": config.min_notional,
        "maker_fee_bps": config.maker_fee_bps,
        "taker_fee_bps": config.taker_fee_bps,
        "protection_bps": config.protection_bps,
        "partition": config.partition,
        "reason": config.reason,
        "band_bps": config.band_bps,
        "band_ms": config.band_ms,
        **{name: getattr(config, name) for name in BOUNDS},
    }


def markets(exchange: Exchange) -> list[Json]:
    """All markets, by name."""
    return [market(rules) for _, rules in sorted(exchange.markets.rules.items())]


async def create_market(exchange: Exchange, wanted: NewMarket) -> Json:
    """Create a market, and return once it takes orders. Raises 409 when it is there already."""
    if wanted.symbol in exchange.markets.rules:
        raise market_exists()
    partition = _free_partition(exchange)
    config = market_config(wanted, partition)
    terms = msgspec.structs.replace(NO_TERMS, **_bounds(wanted))
    command = ConfigureMarket(config, terms)
    await exchange.configuration.send(command, config.market, partition)
    try:
        async with asyncio.timeout(MARKET_LIMIT_S):
            while not _is_open(exchange, config.market):  # noqa: ASYNC110 - a rare request
                await asyncio.sleep(MARKET_POLL_S)
    except TimeoutError as error:
        raise unknown_status() from error
    return market(exchange.markets.rules[config.market])


async def change_market(exchange: Exchange, symbol: str, wanted: MarketChange) -> Json:
    """Change a market, and return how it is since. Of changes at the same time the last one holds
    as a whole. Raises -1121, -1130.
    """
    rules = exchange.rules(symbol)
    command = changed_market(rules, wanted)
    await exchange.configuration.send(command, rules.market, rules.config.partition)
    try:
        async with asyncio.timeout(MARKET_LIMIT_S):
            while exchange.rules(symbol).config.seq == rules.config.seq:  # noqa: ASYNC110
                await asyncio.sleep(MARKET_POLL_S)
    except TimeoutError as error:
        raise unknown_status() from error
    return market(exchange.rules(symbol))


def changed_market(rules: MarketRules, wanted: MarketChange) -> ConfigureMarket:
    """The command that changes a market. A status has a reason of its own, or none."""
    now = rules.config
    reason = "" if wanted.status not in (None, now.status) else now.reason
    notional = wanted.min_notional
    return ConfigureMarket(
        MarketConfig(
            market=now.market,
            partition=now.partition,
            base=now.base,
            quote=now.quote,
            tick=rules.tick,
            lot=rules.lot,
            min_notional=rules.min_notional
            if notional is None
            else _amount("min_notional", notional),
            maker_fee_bps=_or(wanted.maker_fee_bps, now.maker_fee_bps),
            taker_fee_bps=_or(wanted.taker_fee_bps, now.taker_fee_bps),
            protection_bps=_or(wanted.protection_bps, now.protection_bps),
            status=wanted.status or now.status,
        ),
        msgspec.structs.replace(
            NO_TERMS,
            reason=reason if wanted.reason is None else wanted.reason,
            band_bps=_or(wanted.band_bps, now.band_bps),
            band_ms=_or(wanted.band_ms, now.band_ms),
            **_bounds(wanted, now),
        ),
    )


def _bounds(wanted: Bounds, now: Market | None = None) -> dict[str, Units]:
    """The bounds of a market, by name. Raises -1130 where they leave no room."""
    bounds = {}
    for name in BOUNDS:
        text = getattr(wanted, name)
        if text is None:
            text = getattr(now, name) if now else "0"
        bounds[name] = _amount(name, text)
    for what in ("price", "quantity"):
        if 0 < bounds[f"max_{what}"] < bounds[f"min_{what}"]:
            raise bad_market(f"max_{what} is below min_{what}")
    return bounds


def _or(wanted: int | None, now: int) -> int:
    return now if wanted is None else wanted


def _is_open(exchange: Exchange, name: MarketId) -> bool:
    return name in exchange.markets.rules and exchange.markets.feeds[name].book.valid


def _free_partition(exchange: Exchange) -> int:
    """The partition of `orders` with the fewest markets, the first of them."""
    used = Counter(rules.config.partition for rules in exchange.markets.rules.values())
    return min(range(exchange.settings.market_partitions), key=lambda number: used[number])


def market_config(wanted: NewMarket, partition: int) -> MarketConfig:
    """The configuration a market is created with. Raises -1130 with what is wrong with it."""
    if wanted.base == wanted.quote:
        raise bad_market("base and quote are the same asset")
    tick, lot = _positive("tick", wanted.tick), _positive("lot", wanted.lot)
    if tick * lot % UNIT:
        raise bad_market("tick x lot is not a whole number of quote units (10^-8)")
    return MarketConfig(
        market=MarketId(wanted.symbol),
        partition=partition,
        base=Asset(wanted.base),
        quote=Asset(wanted.quote),
        tick=tick,
        lot=lot,
        min_notional=_amount("min_notional", wanted.min_notional),
        maker_fee_bps=wanted.maker_fee_bps,
        taker_fee_bps=wanted.taker_fee_bps,
        protection_bps=wanted.protection_bps,
    )


def _amount(name: str, text: str) -> Units:
    try:
        return parse_units(text)
    except AmountError as error:
        raise bad_market(f"{name}: {error}") from error


def _positive(name: str, text: str) -> Units:
    amount = _amount(name, text)
    if amount == 0:
        raise bad_market(f"{name} must be above zero")
    return amount


async def deposit(
    exchange: Exchange, name: str, wanted: NewDeposit, idempotency_key: str = ""
) -> Json:
    """Credit an account with what came in, and return its new balance of the asset."""
    account = await account_of(exchange, name)
    try:
        amount = parse_units(wanted.amount)
    except AmountError as error:
        raise invalid("amount") from error
    command = Deposit(account, Asset(wanted.asset), amount, wanted.reference, idempotency_key)
    placed = await exchange.command(account, command)
    match await exchange.answers.outcome(placed):
        case [BalanceUpdate(balances=[balance])]:
            return {
                "account": account,
                "asset": balance.asset,
                "free": format_units(balance.available),
                "locked": format_units(balance.held),
            }
        case [RequestRejected(reason=reason)]:
            raise rejection(reason)
        case other:
            raise unexpected() from TypeError(f"not the outcome of a deposit: {other}")
