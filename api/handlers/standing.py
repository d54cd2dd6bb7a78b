"""How accounts stand: frozen or closed, what they pay, and what they take out.

Each change is a command to the account's ledger, and answered with the ledger's own word.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from api.errors import invalid, rejection, unexpected
from api.handlers.admin import AssetName, Bps
from api.handlers.exchange import Exchange
from api.handlers.shapes import Json
from streams.messages import (
    AccountCommand,
    AccountFees,
    AccountId,
    AccountState,
    AccountStatus,
    AmountError,
    Asset,
    DecideWithdrawal,
    DescribeAccount,
    RequestRejected,
    RequestWithdrawal,
    SetAccountStatus,
    SetFees,
    Units,
    Withdrawal,
    WithdrawalUpdate,
    format_units,
    parse_units,
)

# Python's `$` would let a line feed follow, and a ledger could not read that.
_END = r"$(?!\n)"
REFERENCE = r"^[A-Za-z0-9._-]{1,64}" + _END
_WHY = r"^[ -~]{0,64}" + _END

Reference = Annotated[str, msgspec.Meta(pattern=REFERENCE)]
Why = Annotated[str, msgspec.Meta(pattern=_WHY)]


class NewStatus(msgspec.Struct, forbid_unknown_fields=True):
    """How an account is to stand, and why; the reason is shown to who administers it."""

    status: AccountStatus
    reason: Why = ""


class NewFees(msgspec.Struct, forbid_unknown_fields=True):
    """What an account is to pay, in basis points; with both left out, each market's own fees."""

    maker_fee_bps: Bps | None = None
    taker_fee_bps: Bps | None = None


class NewWithdrawal(msgspec.Struct, forbid_unknown_fields=True):
    """What is to be taken out, under a reference that makes the request safe to repeat."""

    asset: AssetName
    amount: str
    reference: Reference


class Decision(msgspec.Struct, forbid_unknown_fields=True):
    """Whether a withdrawal is paid out; the reason is kept with it."""

    approved: bool
    reason: Why = ""


async def describe(exchange: Exchange, account: AccountId) -> Json:
    """How an account stands."""
    return _shown(await _state(exchange, DescribeAccount(account)))


async def set_status(exchange: Exchange, account: AccountId, wanted: NewStatus) -> Json:
    """Freeze, open or close an account. Raises 409 for closing one that is not empty."""
    return _shown(await _state(exchange, SetAccountStatus(account, wanted.status, wanted.reason)))


async def set_fees(exchange: Exchange, account: AccountId, wanted: NewFees) -> Json:
    """Let an account pay these fees. Raises -1130 where only one of the two is given."""
    maker, taker = wanted.maker_fee_bps, wanted.taker_fee_bps
    if (maker is None) is not (taker is None):
        raise invalid("taker_fee_bps" if taker is None else "maker_fee_bps")
    fees = None if maker is None or taker is None else AccountFees(maker, taker)
    return _shown(await _state(exchange, SetFees(account, fees)))


async def request_withdrawal(
    exchange: Exchange, account: AccountId, asset: str, amount: str, reference: str
) -> Json:
    """Hold what is to be taken out until that is decided."""
    try:
        units = parse_units(amount)
    except AmountError as error:
        raise invalid("amount") from error
    command = RequestWithdrawal(account, Asset(asset), units, reference)
    return withdrawal(account, await _withdrawal(exchange, command))


async def decide_withdrawal(
    exchange: Exchange, account: AccountId, reference: str, wanted: Decision
) -> Json:
    """Pay a withdrawal out, or release what is held. Raises 404, 409 where it was decided else."""
    command = DecideWithdrawal(account, reference, wanted.approved, wanted.reason)
    return withdrawal(account, await _withdrawal(exchange, command))


async def withdrawals(exchange: Exchange, account: AccountId) -> list[Withdrawal]:
    """Those the ledger remembers: all that are pending, and the last that were decided."""
    return (await _state(exchange, DescribeAccount(account))).withdrawals


async def state(exchange: Exchange, account: AccountId) -> AccountState:
    """How an account stands, as this api last heard; its counts of orders may be old."""
    known = exchange.accounts.state(account)
    return known or await _state(exchange, DescribeAccount(account))


def withdrawal(account: AccountId, found: Withdrawal) -> Json:
    """A withdrawal as administrators see it; times in milliseconds, 0 for not yet."""
    return {
        "account": account,
        "reference": found.reference,
        "asset": found.asset,
        "amount": format_units(Units(found.amount)),
        "status": found.status.value,
        "requested": found.requested,
        "decided": found.decided,
        "reason": found.reason,
    }


def _shown(found: AccountState) -> Json:
    fees = found.fees
    return {
        "account": found.account,
        "status": found.status.value,
        "reason": found.reason,
        "maker_fee_bps": None if fees is None else fees.maker_bps,
        "taker_fee_bps": None if fees is None else fees.taker_bps,
        "orders_10s": found.orders.ten_seconds,
        "orders_1d": found.orders.day,
        "withdrawals": [withdrawal(found.account, each) for each in found.withdrawals],
    }


async def _state(
    exchange: Exchange, command: DescribeAccount | SetAccountStatus | SetFees
) -> AccountState:
    match await _outcome(exchange, command):
        case AccountState() as found:
            return found
        case other:
            raise unexpected() from TypeError(f"not how an account stands: {other}")


async def _withdrawal(
    exchange: Exchange, command: RequestWithdrawal | DecideWithdrawal
) -> Withdrawal:
    match await _outcome(exchange, command):
        case WithdrawalUpdate(withdrawal=found):
            return found
        case other:
            raise unexpected() from TypeError(f"not the outcome of a withdrawal: {other}")


async def _outcome(exchange: Exchange, command: AccountCommand) -> object:
    placed = await exchange.command(command.account, command)
    match await exchange.answers.outcome(placed):
        case [RequestRejected(reason=reason, at=at)]:
            raise rejection(reason, at)
        case [outcome]:
            return outcome
        case other:
            raise unexpected() from TypeError(f"not one outcome: {other}")
