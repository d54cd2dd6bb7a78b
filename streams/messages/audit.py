"""The audit log: who asked for what change of accounts, keys, sessions and the venue itself.

An entry is on the log before what it tells of takes effect. So nothing was changed that is not
here; but what an entry asks for may have been refused, or cut short: then, mostly, a second entry
of the same `action_id` says so.

What identifies a person is sealed by the api, which alone can open it: the log, the database and
whoever reads them see what was done, to which account, and what kind of actor did it.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from streams.messages.units import Millis
from streams.messages.vocabulary import AccountId

VENUE = AccountId("-")
"""Stands for the account where an action is about the whole venue. No account has this name."""


class AuditAction(StrEnum):
    ACCOUNT_OPENED = "account opened"
    DEPOSIT = "deposit"
    WITHDRAWAL_REQUESTED = "withdrawal requested"
    WITHDRAWAL_DECIDED = "withdrawal decided"
    ACCOUNT_STATUS_SET = "account status set"
    FEES_SET = "fees set"
    MARKET_CREATED = "market created"
    MARKET_CHANGED = "market changed"
    KEY_CREATED = "key created"
    KEY_REVOKED = "key revoked"
    LOGIN_SET = "login set"
    REGISTERED = "registered"
    LOGGED_IN = "logged in"
    LOGGED_OUT = "logged out"
    PASSWORD_CHANGED = "password changed"
    SESSION_STOLEN = "session stolen"


class AuditOutcome(StrEnum):
    """How far an action had come when an entry was written."""

    BEGUN = "begun"
    REFUSED = "refused"
    UNKNOWN = "unknown"


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One action, by `actor` from the network address `address`.

    `actor` is `admin`, `user:` and an e-mail address, or `key:` and an API key. `subject` is what
    was acted upon, such as the API key; `details` has the terms, never a secret. `at` is by the
    api's clock. `sequence` is the entry's place on the log, told by who read it there: entries
    are gapless in it.

    On the log, `actor` is no more than `admin`, `user` or `key`, `address`, `subject` and `details`
    are empty, and `sealed` has all four: a `Particulars` in JSON, as the api's vault sealed it
    under `seal_name`. Entries from before that are in clear.
    """

    action_id: str
    at: Millis
    account: AccountId
    actor: str
    action: AuditAction
    outcome: AuditOutcome
    address: str = ""
    subject: str = ""
    details: dict[str, str] = {}
    sequence: int = 0
    sealed: str = ""

    @property
    def seal_name(self) -> str:
        """What its seal is bound to: no entry's can be put in another's place."""
        return f"audit {self.action_id} {self.outcome}"


class Particulars(msgspec.Struct, frozen=True):
    """What of an entry may identify a person."""

    actor: str
    address: str
    subject: str
    details: dict[str, str]


_json = msgspec.json.Encoder()

audit_entries = msgspec.json.Decoder(AuditEntry)


def encode_audit_entry(entry: AuditEntry) -> bytes:
    """The record of `audit` that carries an entry."""
    return _json.encode(entry)
