"""Accounts, and who may act for them, as administrators see them."""

from __future__ import annotations

import re
from typing import Annotated

import msgspec

from api.auth import Permission, new_key
from api.errors import (
    account_exists,
    email_taken,
    invalid,
    rejection,
    unexpected,
    unknown_account,
)
from api.handlers.exchange import Exchange
from api.handlers.parameters import END_TIME, FROM_ID, LIMIT, ROWS, ROWS_MAX, START_TIME, Parameters
from api.handlers.shapes import Json
from api.identity.emails import LENGTH_MAX as EMAIL_MAX
from api.identity.emails import normal_email
from api.identity.keys import read_public_key
from api.identity.networks import networks
from api.identity.passwords import check_password
from projections.identity import KeyRecord, StoredKey, User
from projections.queries import Account, Window
from streams.messages import (
    AccountId,
    AccountOpened,
    Millis,
    OpenAccount,
    Reason,
    RequestRejected,
)
from streams.messages.audit import AuditEntry

NETWORKS_MAX = 32
FIRST_VERSION = 1

# Python's `$` would let a line feed follow. What gets past here, a ledger must be able to read: a
# command that it can't takes its whole frame with it, others' commands and all.
_END = r"$(?!\n)"
_ACCOUNT_NAME = r"^[a-z0-9][a-z0-9_-]{0,31}" + _END
_LABEL = r"^[ -~]{0,64}" + _END

AccountName = Annotated[str, msgspec.Meta(pattern=_ACCOUNT_NAME)]

AUDIT_PAGE = (START_TIME, END_TIME, FROM_ID, LIMIT)


class NewAccount(msgspec.Struct, forbid_unknown_fields=True):
    account: AccountName


class NewLogin(msgspec.Struct, forbid_unknown_fields=True):
    """Who may log in, and with what."""

    email: Annotated[str, msgspec.Meta(max_length=EMAIL_MAX)]
    password: Annotated[str, msgspec.Meta(max_length=2048)]


class NewKey(msgspec.Struct, forbid_unknown_fields=True):
    """An API key to be: an HMAC key, or with a public key (PEM, or base64) an Ed25519 key.

    `networks` are the addresses and networks it may be used from, all where there are none;
    `expires` is when it ends, in milliseconds, 0 for never.
    """

    permissions: Annotated[tuple[Permission, ...], msgspec.Meta(min_length=1)] = (
        Permission.READ,
        Permission.TRADE,
    )
    label: Annotated[str, msgspec.Meta(pattern=_LABEL)] = ""
    networks: Annotated[list[str], msgspec.Meta(max_length=NETWORKS_MAX)] = []
    expires: Annotated[int, msgspec.Meta(ge=0, le=2**53)] = 0
    public_key: Annotated[str, msgspec.Meta(max_length=1024)] = ""


async def create_account(exchange: Exchange, wanted: NewAccount) -> Json:
    """Open an account. Raises 409 when there is one of this name.

    An account that the ledger has and the database lacks, since an attempt was cut short between
    the two, is completed.
    """
    name = AccountId(wanted.account)
    if await exchange.reads.archive.read(lambda queries: queries.account(name)) is not None:
        raise account_exists()
    account = await open_account(exchange, name)
    return {"account": name, "created": account.created}


async def open_account(exchange: Exchange, name: AccountId) -> Account:
    """Open an account, or complete one whose opening was cut short. Raises -1007, -1001."""
    placed = await exchange.command(name, OpenAccount(name))
    match await exchange.accounts.outcome(placed.request):
        case [AccountOpened() | RequestRejected(reason=Reason.ACCOUNT_EXISTS) as opened]:
            account = Account(name=name, account=name, created=Millis(opened.at))
        case [RequestRejected(reason=reason)]:
            raise rejection(reason)
        case other:
            raise unexpected() from TypeError(f"not the outcome of opening an account: {other}")
    await exchange.reads.archive.read(lambda queries: queries.put_account(account))
    return account


async def accounts(exchange: Exchange) -> list[Json]:
    """All accounts, by name."""
    found = await exchange.reads.archive.read(lambda queries: queries.accounts())
    return [{"account": account.account, "created": account.created} for account in found]


async def account_of(exchange: Exchange, name: str) -> AccountId:
    """The account of a name that was sent. Raises 404."""
    if not re.fullmatch(_ACCOUNT_NAME, name):
        raise unknown_account()
    found = await exchange.reads.archive.read(lambda queries: queries.account(name))
    if found is None:
        raise unknown_account()
    return found.account


def key_record(exchange: Exchange, account: AccountId, wanted: NewKey) -> KeyRecord:
    """A key as it is going to be. Raises -1130 with what is wrong with it."""
    now = exchange.clock()
    if 0 < wanted.expires <= now:
        raise invalid("expires")
    try:
        allowed = tuple(str(network) for network in networks(wanted.networks))
    except ValueError as error:
        raise invalid("networks") from error
    try:
        public_key = read_public_key(wanted.public_key) if wanted.public_key else ""
    except ValueError as error:
        raise invalid("public_key") from error
    return KeyRecord(
        key=new_key(),
        account=account,
        permissions=frozenset(wanted.permissions),
        created=Millis(now),
        label=wanted.label,
        public_key=public_key,
        networks=allowed,
        expires=Millis(wanted.expires),
    )


def key_details(record: KeyRecord) -> dict[str, str]:
    """What the audit log has of a key besides its name."""
    return {
        "permissions": " ".join(sorted(record.permissions)),
        "networks": " ".join(record.networks),
        "expires": str(record.expires),
    }


async def create_key(exchange: Exchange, record: KeyRecord) -> Json:
    """Give an account an API key. Its secret is shown here and never again."""
    given = await exchange.identity.keys.give_out(record)
    answer = {"account": record.account, "api_key": record.key}
    return {**answer, "api_secret": given.secret} if given.secret else answer


async def keys(exchange: Exchange, account: AccountId) -> list[Json]:
    """An account's keys, the oldest first; no secret is among what is told."""
    return [key(stored) for stored in await exchange.identity.keys.of(account)]


def key(stored: StoredKey) -> Json:
    """A key as it is listed. Times are 0 for never."""
    record = stored.record
    return {
        "api_key": record.key,
        "account": record.account,
        "label": record.label,
        "kind": "ED25519" if record.public_key else "HMAC",
        "public_key": record.public_key,
        "permissions": sorted(record.permissions),
        "networks": record.networks,
        "created": record.created,
        "expires": record.expires,
        "revoked": stored.revoked,
    }


async def set_login(exchange: Exchange, account: AccountId, wanted: NewLogin) -> Json:
    """Let somebody log in to an account, or give who can another password.

    Ends all sessions of theirs. Raises 409 when the address belongs to another account.
    """
    email = normal_email(wanted.email)
    check_password(wanted.password, email)
    hashed = await exchange.identity.passwords.hashed(wanted.password)
    read = exchange.reads.archive.read
    user = await read(lambda queries: queries.identities.user(email))
    if user is None:
        new = User(email, account, hashed, FIRST_VERSION, Millis(exchange.clock()))
        done = await read(lambda queries: queries.identities.add_user(new))
    else:
        known = user
        done = known.account == account and await read(
            lambda queries: queries.identities.change_password(known, hashed)
        )
    if not done:
        raise email_taken()
    exchange.identity.sessions.forget_all()
    return {"account": account, "email": email}


async def audit(exchange: Exchange, account: AccountId, parameters: Parameters) -> list[Json]:
    """The audit's entries about an account, by sequence; those of all for `VENUE`.

    The newest where neither `fromId` nor `startTime` says where to begin.
    """
    window = Window(
        limit=parameters.limit(ROWS, ROWS_MAX),
        first=parameters.integer("fromId"),
        start=parameters.millis("startTime"),
        end=parameters.millis("endTime"),
    )
    entries = await exchange.reads.archive.read(lambda queries: queries.audit(account, window))
    return [audit_entry(exchange.identity.audit.opened(entry)) for entry in entries]


def audit_entry(entry: AuditEntry) -> Json:
    """An entry as it is told."""
    return {
        "sequence": entry.sequence,
        "time": entry.at,
        "action_id": entry.action_id,
        "account": entry.account,
        "actor": entry.actor,
        "address": entry.address,
        "action": entry.action.value,
        "outcome": entry.outcome.value,
        "subject": entry.subject,
        "details": entry.details,
    }
