"""The audit log's way in: an action is on the log before it takes effect.

Who did it, from where, and what else may identify a person is sealed before it leaves (decision
23), and opened for who may read it.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import NamedTuple

import msgspec
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from msgspec.structs import replace

from api.errors import ApiError, unavailable
from api.identity.vault import BrokenSeal, Vault
from infra.settings import Settings
from streams.messages import AccountId, Millis
from streams.messages.audit import (
    VENUE,
    AuditAction,
    AuditEntry,
    AuditOutcome,
    Particulars,
    encode_audit_entry,
)
from streams.topics import AUDIT

APPEND_LIMIT_S = 5.0
TEXT_MAX = 512
"""Of what was sent, an entry shows so many characters."""

log = logging.getLogger(__name__)


class Actor(NamedTuple):
    """Who acts, and the network address that the request came from."""

    name: str
    address: str


def user_actor(email: str, address: str) -> Actor:
    """A user who acts."""
    return Actor(f"user:{email}", address)


def admin_actor(address: str) -> Actor:
    """Whoever has the administrator's key."""
    return Actor("admin", address)


class Audit:
    """Appends entries, and opens them. The producer is somebody else's.

    Without a key to seal with, what identifies a person is not kept at all.
    """

    def __init__(
        self,
        producer: AIOKafkaProducer,
        settings: Settings,
        clock: Callable[[], int],
        vault: Vault,
    ) -> None:
        self._producer = producer
        self._vault = vault
        self._topic = AUDIT.name(settings.venue)
        self._clock = clock

    @asynccontextmanager
    async def action(
        self,
        actor: Actor,
        action: AuditAction,
        account: AccountId = VENUE,
        subject: str = "",
        details: dict[str, str] | None = None,
    ) -> AsyncIterator[None]:
        """Do within this block what is to be audited; it is entered once the log has it.

        Where the block is refused or ends in doubt, another entry says so. Raises -1001 where the
        log does not answer: the block is not entered then.
        """
        entry = AuditEntry(
            action_id=secrets.token_hex(16),
            at=Millis(self._clock()),
            account=account,
            actor=actor.name,
            action=action,
            outcome=AuditOutcome.BEGUN,
            address=actor.address,
            subject=subject[:TEXT_MAX],
            details={name: text[:TEXT_MAX] for name, text in (details or {}).items()},
        )
        await self._append(entry)
        try:
            yield
        except ApiError as error:
            await self._append_outcome(entry, error)
            raise

    def opened(self, entry: AuditEntry) -> AuditEntry:
        """An entry with what was sealed of it; as it is, where this api lacks the key."""
        if not entry.sealed:
            return entry
        try:
            text = self._vault.open(entry.sealed, entry.seal_name)
        except BrokenSeal as error:
            log.warning("an entry of the audit stays closed: %s", error)
            return entry
        known = msgspec.json.decode(text, type=Particulars)
        return replace(entry, sealed="", **msgspec.structs.asdict(known))

    def _sealed(self, entry: AuditEntry) -> AuditEntry:
        known = Particulars(entry.actor, entry.address, entry.subject, entry.details)
        sealed = ""
        if self._vault.has_key:
            text = msgspec.json.encode(known).decode()
            sealed = self._vault.seal(text, entry.seal_name)
        kind = entry.actor.partition(":")[0]
        return replace(entry, actor=kind, address="", subject="", details={}, sealed=sealed)

    async def _append_outcome(self, entry: AuditEntry, error: ApiError) -> None:
        outcome = AuditOutcome.UNKNOWN if error.status >= 500 else AuditOutcome.REFUSED
        details = {**entry.details, "code": str(error.code)}
        try:
            await self._append(replace(entry, outcome=outcome, details=details))
        except ApiError:
            # The client is told of its own error; that the action had begun is on the log.
            log.exception("the audit lacks an outcome: %s %s", entry.action_id, outcome)

    async def _append(self, entry: AuditEntry) -> None:
        record, key = encode_audit_entry(self._sealed(entry)), entry.account.encode()
        try:
            async with asyncio.timeout(APPEND_LIMIT_S):
                await self._producer.send_and_wait(self._topic, record, key=key, partition=0)
        except (KafkaError, TimeoutError) as error:
            log.warning("the audit log does not answer: %r", error)
            raise unavailable() from error


def producer(settings: Settings) -> AIOKafkaProducer:
    """What entries are appended with: each is acknowledged once every replica has it."""
    return AIOKafkaProducer(
        **settings.kafka_client,
        client_id=f"velocity-audit-{settings.worker}",
        acks="all",
        enable_idempotence=True,
        linger_ms=0,
    )
