"""The administration routes: JSON bodies, and a key of their own.

They are for whoever runs the venue: `velocity markets`, `accounts`, `keys` and `audit` call them.
Whatever they change is on the audit log first.
"""

from __future__ import annotations

import re

import msgspec
from fastapi import APIRouter, FastAPI, Request, Response

from api.auth import ADMIN_KEY_HEADER, same_secret
from api.errors import admin_closed, rejection
from api.handlers import accounts, admin, standing, users
from api.handlers.accounts import AUDIT_PAGE, NewAccount, NewKey, NewLogin
from api.handlers.exchange import Exchange
from api.handlers.parameters import Kind, Parameter, Spec, decode, read
from api.handlers.standing import REFERENCE, Decision, NewFees, NewStatus, NewWithdrawal
from api.idempotency import IDEMPOTENCY_KEY_HEADER, read_key
from api.identity.audit import Actor, admin_actor
from api.rest.documentation import IDEMPOTENCY_KEY
from api.rest.http import address_of, reply
from api.rest.json_routes import add_json_route, read_json, secret_reply
from streams.messages import AccountId, Reason
from streams.messages.audit import VENUE, AuditAction

ADMIN = "AdminKey"
"""The security scheme of the administrator's key."""

AUDIT = (
    Parameter("account", Kind.WORD, description="An account; everything where left out."),
    *AUDIT_PAGE,
)
_AUDIT = Spec(AUDIT)
_WITHDRAWALS = "/accounts/{account}/withdrawals"
_WITHDRAWAL = "/accounts/{account}/withdrawals/{reference}"


def add_admin_routes(app: FastAPI, exchange: Exchange) -> None:
    """Serve `/admin/v1` from an app."""
    routes = _Routes(exchange)
    router = APIRouter(prefix="/admin/v1", tags=["Administration"])
    for method, path, route, summary, body in (
        ("POST", "/markets", routes.create_market, "Create a market", admin.NewMarket),
        ("GET", "/markets", routes.markets, "All markets", None),
        ("PUT", "/markets/{symbol}", routes.change_market, "Change a market", admin.MarketChange),
        ("POST", "/accounts", routes.create_account, "Open an account", NewAccount),
        ("GET", "/accounts", routes.accounts, "All accounts", None),
        ("PUT", "/accounts/{account}/login", routes.set_login, "Who may log in", NewLogin),
        ("GET", "/accounts/{account}/keys", routes.keys, "An account's API keys", None),
        ("DELETE", "/accounts/{account}/keys/{key}", routes.revoke_key, "End an API key", None),
        ("GET", "/accounts/{account}", routes.describe, "How an account stands", None),
        ("PUT", "/accounts/{account}/status", routes.set_status, "Freeze or close", NewStatus),
        ("PUT", "/accounts/{account}/fees", routes.set_fees, "What an account pays", NewFees),
        ("POST", _WITHDRAWALS, routes.request_withdrawal, "Hold a withdrawal", NewWithdrawal),
        ("PUT", _WITHDRAWAL, routes.decide_withdrawal, "Pay it out, or release it", Decision),
    ):
        creates = method == "POST"
        add_json_route(
            router, method, path, route, summary, security=ADMIN, body=body, creates=creates
        )
    add_json_route(
        router,
        "POST",
        "/accounts/{account}/keys",
        routes.create_key,
        "Give out an API key",
        security=ADMIN,
        body=NewKey,
        body_required=False,
        creates=True,
    )
    add_json_route(
        router,
        "POST",
        "/accounts/{account}/deposits",
        routes.deposit,
        "Credit a deposit",
        security=ADMIN,
        body=admin.NewDeposit,
        headers=(IDEMPOTENCY_KEY,),
        creates=True,
    )
    add_json_route(
        router, "GET", "/audit", routes.audit, "The audit log", security=ADMIN, parameters=AUDIT
    )
    app.include_router(router)


class _Routes:
    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._audit = exchange.identity.audit

    async def markets(self, request: Request) -> Response:
        self._admit(request)
        return reply(admin.markets(self._exchange))

    async def create_market(self, request: Request) -> Response:
        actor = self._admit(request)
        wanted = await read_json(request, admin.NewMarket)
        terms = {"base": wanted.base, "quote": wanted.quote, "tick": wanted.tick, "lot": wanted.lot}
        action = AuditAction.MARKET_CREATED
        async with self._audit.action(actor, action, VENUE, wanted.symbol, terms):
            return reply(await admin.create_market(self._exchange, wanted), 201)

    async def change_market(self, request: Request) -> Response:
        actor, symbol = self._admit(request), request.path_params["symbol"]
        wanted = await read_json(request, admin.MarketChange)
        fields = msgspec.structs.asdict(wanted).items()
        terms = {name: str(value) for name, value in fields if value is not None}
        market = self._exchange.rules(symbol).market
        action = AuditAction.MARKET_CHANGED
        async with self._audit.action(actor, action, VENUE, market, terms):
            return reply(await admin.change_market(self._exchange, market, wanted))

    async def accounts(self, request: Request) -> Response:
        self._admit(request)
        return reply(await accounts.accounts(self._exchange))

    async def create_account(self, request: Request) -> Response:
        actor = self._admit(request)
        wanted = await read_json(request, NewAccount)
        action, account = AuditAction.ACCOUNT_OPENED, AccountId(wanted.account)
        async with self._audit.action(actor, action, account):
            return reply(await accounts.create_account(self._exchange, wanted), 201)

    async def set_login(self, request: Request) -> Response:
        actor, account = await self._of_account(request)
        wanted = await read_json(request, NewLogin)
        action = AuditAction.LOGIN_SET
        async with self._audit.action(actor, action, account, wanted.email):
            return reply(await accounts.set_login(self._exchange, account, wanted))

    async def keys(self, request: Request) -> Response:
        _, account = await self._of_account(request)
        return reply(await accounts.keys(self._exchange, account))

    async def create_key(self, request: Request) -> Response:
        actor, account = await self._of_account(request)
        wanted = await read_json(request, NewKey, optional=True)
        record = accounts.key_record(self._exchange, account, wanted)
        action, details = AuditAction.KEY_CREATED, accounts.key_details(record)
        async with self._audit.action(actor, action, account, record.key, details):
            return secret_reply(await accounts.create_key(self._exchange, record), 201)

    async def revoke_key(self, request: Request) -> Response:
        actor, account = await self._of_account(request)
        key = request.path_params["key"]
        return reply(await users.revoke_key(self._exchange, account, key, actor))

    async def deposit(self, request: Request) -> Response:
        actor = self._admit(request)
        wanted = await read_json(request, admin.NewDeposit)
        account = await accounts.account_of(self._exchange, request.path_params["account"])
        key = read_key(request.headers.getlist(IDEMPOTENCY_KEY_HEADER), taken=True)
        terms = {"asset": wanted.asset, "amount": wanted.amount, "idempotency_key": key}
        action = AuditAction.DEPOSIT
        async with self._audit.action(actor, action, account, wanted.reference, terms):
            return reply(await admin.deposit(self._exchange, account, wanted, key), 201)

    async def describe(self, request: Request) -> Response:
        _, account = await self._of_account(request)
        return reply(await standing.describe(self._exchange, account))

    async def set_status(self, request: Request) -> Response:
        actor, account = await self._of_account(request)
        wanted = await read_json(request, NewStatus)
        terms = {"reason": wanted.reason}
        action = AuditAction.ACCOUNT_STATUS_SET
        async with self._audit.action(actor, action, account, wanted.status.value, terms):
            return reply(await standing.set_status(self._exchange, account, wanted))

    async def set_fees(self, request: Request) -> Response:
        actor, account = await self._of_account(request)
        wanted = await read_json(request, NewFees)
        terms = {"maker_bps": str(wanted.maker_fee_bps), "taker_bps": str(wanted.taker_fee_bps)}
        action = AuditAction.FEES_SET
        async with self._audit.action(actor, action, account, details=terms):
            return reply(await standing.set_fees(self._exchange, account, wanted))

    async def request_withdrawal(self, request: Request) -> Response:
        actor, account = await self._of_account(request)
        wanted = await read_json(request, NewWithdrawal)
        asset, amount, reference = wanted.asset, wanted.amount, wanted.reference
        action, terms = AuditAction.WITHDRAWAL_REQUESTED, {"asset": asset, "amount": amount}
        async with self._audit.action(actor, action, account, reference, terms):
            held = await standing.request_withdrawal(
                self._exchange, account, asset, amount, reference
            )
            return reply(held, 201)

    async def decide_withdrawal(self, request: Request) -> Response:
        actor, account = await self._of_account(request)
        wanted = await read_json(request, Decision)
        reference = request.path_params["reference"]
        if not re.fullmatch(REFERENCE, reference):
            raise rejection(Reason.UNKNOWN_WITHDRAWAL)
        action = AuditAction.WITHDRAWAL_DECIDED
        terms = {"approved": str(wanted.approved).lower(), "reason": wanted.reason}
        async with self._audit.action(actor, action, account, reference, terms):
            decided = await standing.decide_withdrawal(self._exchange, account, reference, wanted)
            return reply(decided)

    async def audit(self, request: Request) -> Response:
        self._admit(request)
        parameters = read(decode(request.scope["query_string"]), _AUDIT)
        name = parameters.text("account")
        about = VENUE if name is None else await accounts.account_of(self._exchange, name)
        return reply(await accounts.audit(self._exchange, about, parameters))

    async def _of_account(self, request: Request) -> tuple[Actor, AccountId]:
        """Who asks, and which account the path names. Raises as `_admit`, and 404."""
        actor = self._admit(request)
        name = request.path_params["account"]
        return actor, await accounts.account_of(self._exchange, name)

    def _admit(self, request: Request) -> Actor:
        """Who asks. Raises 401 unless the administrator's key came along, and 429 to who guesses;
        without one nobody gets in.
        """
        address, guesses = address_of(request), self._exchange.identity.guesses
        key = self._exchange.settings.admin_key
        given = request.headers.get(ADMIN_KEY_HEADER)
        if key is None or given is None:
            raise admin_closed()
        guesses.begin_administration(address)
        if not same_secret(given, key.get_secret_value()):
            raise admin_closed()
        guesses.administration_succeeded(address)
        return admin_actor(address)
