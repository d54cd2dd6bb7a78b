"""Users and their sessions: registering, logging in and out, and what owners do with their keys.

What could be guessed is counted before it is looked at. What is done is on the audit log first.
"""

from __future__ import annotations

import secrets
from typing import Annotated

import msgspec

from api.errors import (
    ApiError,
    email_taken,
    no_session,
    registration_closed,
    wrong_password,
)
from api.handlers import accounts
from api.handlers.accounts import FIRST_VERSION, NewKey, NewLogin
from api.handlers.exchange import Exchange
from api.handlers.parameters import Parameters
from api.handlers.shapes import Json
from api.identity.audit import Actor, user_actor
from api.identity.emails import normal_email
from api.identity.passwords import check_password
from api.identity.sessions import Pair, Reused
from api.identity.tokens import ACCESS_S
from projections.identity import Session, User
from streams.messages import AccountId, Millis
from streams.messages.audit import AuditAction

Text = Annotated[str, msgspec.Meta(max_length=2048)]


class Refresh(msgspec.Struct, forbid_unknown_fields=True):
    refresh_token: Text


class Logout(msgspec.Struct, forbid_unknown_fields=True):
    """`everywhere` ends all sessions of the user."""

    everywhere: bool = False


class NewPassword(msgspec.Struct, forbid_unknown_fields=True):
    password: Text
    new_password: Text


class NewOwnKey(NewKey, kw_only=True):
    """An API key to be. Its owner's password is asked for: a stolen session must not make keys."""

    password: Text


async def register(exchange: Exchange, wanted: NewLogin, address: str) -> Json:
    """Open an account for an e-mail address, and log in. Raises 409 where the address is taken."""
    identity = exchange.identity
    if not exchange.settings.registration:
        raise registration_closed()
    identity.sessions.check_open()
    email = normal_email(wanted.email)
    check_password(wanted.password, email)
    identity.guesses.register(address)
    if await _user(exchange, email) is not None:
        raise email_taken()
    hashed = await identity.passwords.hashed(wanted.password)
    account = AccountId(f"u-{secrets.token_hex(12)}")
    user = User(email, account, hashed, FIRST_VERSION, Millis(exchange.clock()))
    actor = user_actor(email, address)
    async with identity.audit.action(actor, AuditAction.REGISTERED, account, email):
        if not await exchange.reads.archive.read(lambda q: q.identities.add_user(user)):
            raise email_taken()
        # Cut short here, the first login opens the account.
        await accounts.open_account(exchange, account)
    return tokens(await identity.sessions.begin(user))


async def login(exchange: Exchange, wanted: NewLogin, address: str) -> Json:
    """Begin a session. Raises -1002 where e-mail address and password don't belong together."""
    identity = exchange.identity
    identity.sessions.check_open()
    user = await _proved(exchange, normal_email(wanted.email), wanted.password, address)
    if identity.passwords.is_outdated(user.password):
        hashed = await identity.passwords.hashed(wanted.password)
        await exchange.reads.archive.read(lambda q: q.identities.rehash(user, hashed))
    if await exchange.reads.archive.read(lambda q: q.account(user.account)) is None:
        await accounts.open_account(exchange, user.account)
    actor = user_actor(user.email, address)
    async with identity.audit.action(actor, AuditAction.LOGGED_IN, user.account, user.email):
        return tokens(await identity.sessions.begin(user))


async def refresh(exchange: Exchange, wanted: Refresh, address: str) -> Json:
    """New tokens for a refresh token. One that was used before ends its session: raises -1002."""
    identity = exchange.identity
    try:
        return tokens(await identity.sessions.refresh(wanted.refresh_token))
    except Reused as reused:
        session = reused.session
        actor = user_actor(session.email, address)
        action = AuditAction.SESSION_STOLEN
        async with identity.audit.action(actor, action, session.account, session.session):
            pass  # it has ended already
        raise no_session() from reused


async def logout(exchange: Exchange, session: Session, wanted: Logout, actor: Actor) -> Json:
    """End a session, or all of its user."""
    identity = exchange.identity
    scope = "everywhere" if wanted.everywhere else "here"
    action = AuditAction.LOGGED_OUT
    async with identity.audit.action(
        actor, action, session.account, session.session, {"scope": scope}
    ):
        await identity.sessions.end(session.session)
        if wanted.everywhere:
            await _end_all(exchange, session.email)
    return {}


async def change_password(
    exchange: Exchange, session: Session, wanted: NewPassword, actor: Actor
) -> Json:
    """Set another password, end all sessions, and begin a new one."""
    identity = exchange.identity
    check_password(wanted.new_password, session.email)
    user = await _proved(exchange, session.email, wanted.password, actor.address)
    hashed = await identity.passwords.hashed(wanted.new_password)
    action = AuditAction.PASSWORD_CHANGED
    async with identity.audit.action(actor, action, session.account, session.email):
        if not await exchange.reads.archive.read(
            lambda q: q.identities.change_password(user, hashed)
        ):
            raise no_session()  # it was changed elsewhere meanwhile
        identity.sessions.forget_all()
        return tokens(await identity.sessions.begin(user._replace(version=user.version + 1)))


async def create_key(exchange: Exchange, session: Session, wanted: NewOwnKey, actor: Actor) -> Json:
    """Give oneself an API key; its secret is shown here and never again."""
    record = accounts.key_record(exchange, session.account, wanted)
    await _proved(exchange, session.email, wanted.password, actor.address)
    action = AuditAction.KEY_CREATED
    details = accounts.key_details(record)
    async with exchange.identity.audit.action(actor, action, session.account, record.key, details):
        return await accounts.create_key(exchange, record)


async def revoke_key(exchange: Exchange, account: AccountId, key: str, actor: Actor) -> Json:
    """End one of an account's keys. Raises 404 where it has no such key."""
    stored = await exchange.identity.keys.check_owner(account, key)
    action = AuditAction.KEY_REVOKED
    async with exchange.identity.audit.action(actor, action, account, key):
        await exchange.identity.keys.revoke(stored)
    return {"account": account, "api_key": key}


async def audit(exchange: Exchange, session: Session, parameters: Parameters) -> list[Json]:
    """The audit's entries about one's own account; where administrators sit is not told."""
    entries = await accounts.audit(exchange, session.account, parameters)
    own = user_actor(session.email, "").name
    return [entry if entry["actor"] == own else {**entry, "address": ""} for entry in entries]


def tokens(pair: Pair) -> Json:
    """What a client keeps of a session; `expires_in` in seconds, of the access token."""
    return {
        "account": pair.session.account,
        "email": pair.session.email,
        "access_token": pair.access,
        "token_type": "Bearer",
        "expires_in": ACCESS_S,
        "refresh_token": pair.refresh,
    }


async def _proved(exchange: Exchange, email: str, password: str, address: str) -> User:
    """The user, if the password is theirs; raises -1002 where not, -1003 to who guesses."""
    guesses = exchange.identity.guesses
    guesses.begin_login(email, address)
    try:
        user = await _user(exchange, email)
        hashed = None if user is None else user.password
        right = await exchange.identity.passwords.matches(password, hashed)
    except ApiError:
        guesses.login_undecided(email, address)
        raise
    if user is None or not right:
        raise wrong_password()
    guesses.login_succeeded(email, address)
    return user


async def _user(exchange: Exchange, email: str) -> User | None:
    return await exchange.reads.archive.read(lambda queries: queries.identities.user(email))


async def _end_all(exchange: Exchange, email: str) -> None:
    user = await _user(exchange, email)
    if user is not None:
        known = user
        # Where this fails another has changed the user meanwhile, and so ended all sessions.
        await exchange.reads.archive.read(
            lambda q: q.identities.change_password(known, known.password)
        )
        exchange.identity.sessions.forget_all()
