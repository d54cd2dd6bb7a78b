"""Taking money out, in the shape of Binance's wallet API. Nothing leaves before it is approved.

What is asked for is on the audit log with the address it is to go to: who approves reads it there.
"""

from __future__ import annotations

import re
import secrets
from datetime import UTC, datetime

from api.auth import Caller
from api.errors import invalid
from api.handlers import standing
from api.handlers.exchange import Exchange
from api.handlers.parameters import Kind, Parameter, Parameters
from api.handlers.shapes import Json
from api.identity.audit import Actor
from streams.messages import Withdrawal, WithdrawalStatus, format_units
from streams.messages.audit import AuditAction

APPLY = (
    Parameter("coin", Kind.SYMBOL, True, "An asset.", "USDT"),
    Parameter("amount", Kind.DECIMAL, True, "How much of it.", "12.5"),
    Parameter("address", Kind.WORD, True, "Where it is to go.", "0x94df8b352de7f46f64b01d3666bf"),
    Parameter(
        "withdrawOrderId",
        Kind.CLIENT_ID,
        description="The client's own name for it: the same again does nothing again.",
        example="out-1",
    ),
    Parameter("network", Kind.WORD, description="Kept for who approves."),
    Parameter("addressTag", Kind.WORD, description="Kept for who approves."),
    Parameter("name", Kind.WORD, description="Kept for who approves."),
)
HISTORY = (
    Parameter("coin", Kind.SYMBOL, description="An asset; all where left out."),
    Parameter("withdrawOrderId", Kind.CLIENT_ID, description="One by its client's name."),
)

_ASSET = re.compile(r"[A-Z0-9]{1,12}")
_STATUS = {
    WithdrawalStatus.PENDING: 2,
    WithdrawalStatus.REFUSED: 3,
    WithdrawalStatus.PAID: 6,
}
"""Awaiting approval, rejected, completed."""


async def apply(exchange: Exchange, caller: Caller, parameters: Parameters) -> Json:
    """Ask for a withdrawal; its amount is held until it is decided."""
    coin, amount = parameters.required("coin"), parameters.required("amount")
    if not _ASSET.fullmatch(coin):
        raise invalid("coin")
    if not parameters.amount("amount"):
        raise invalid("amount")
    reference = parameters.text("withdrawOrderId") or secrets.token_hex(16)
    sent = ("amount", "address", "network", "addressTag", "name")
    details = {name: parameters.required(name) for name in sent if name in parameters}
    actor = Actor(caller.actor, caller.address)
    caller.check_in_time(exchange.clock())
    action = AuditAction.WITHDRAWAL_REQUESTED
    account = caller.account
    async with exchange.identity.audit.action(
        actor, action, account, reference, {"asset": coin, **details}
    ):
        await standing.request_withdrawal(exchange, account, coin, amount, reference)
    return {"id": reference}


async def history(exchange: Exchange, caller: Caller, parameters: Parameters) -> list[Json]:
    """The account's withdrawals: those pending, and the last 100 that were decided."""
    coin, name = parameters.text("coin"), parameters.text("withdrawOrderId")
    return [
        _shown(each)
        for each in reversed(await standing.withdrawals(exchange, caller.account))
        if coin in (None, each.asset) and name in (None, each.reference)
    ]


def _shown(found: Withdrawal) -> Json:
    return {
        "id": found.reference,
        "amount": format_units(found.amount),
        "transactionFee": "0",
        "coin": found.asset,
        "status": _STATUS[found.status],
        "address": "",
        "txId": "",
        "applyTime": _time(found.requested),
        "completeTime": _time(found.decided) if found.status is WithdrawalStatus.PAID else "",
        "network": "",
        "transferType": 0,
        "withdrawOrderId": found.reference,
        "info": found.reason,
        "confirmNo": 0,
        "walletType": 0,
        "txKey": "",
    }


def _time(at: int) -> str:
    return datetime.fromtimestamp(at / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")
