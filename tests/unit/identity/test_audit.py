"""The audit's way in: first the log, then the change; and what became of it."""

from __future__ import annotations

from typing import Any

import pytest
from aiokafka.errors import KafkaTimeoutError
from msgspec.structs import replace

from api.errors import ApiError, email_taken, unknown_status
from api.identity.audit import TEXT_MAX, Audit, admin_actor, user_actor
from api.identity.vault import Vault
from infra.settings import Settings
from streams.messages import AccountId
from streams.messages.audit import VENUE, AuditAction, AuditEntry, AuditOutcome, audit_entries

NOW = 1_499_827_319_559
ANN = AccountId("ann")
ADMIN = admin_actor("192.0.2.1")
EMAIL = "ann@example.com"
USER = user_actor(EMAIL, "192.0.2.7")
VAULT = Vault([bytes(32)])


class Log:
    """A log in memory; from the record `fails_at` on it does not answer."""

    def __init__(self, fails_at: int | None = None) -> None:
        self.values: list[bytes] = []
        self.entries: list[AuditEntry] = []
        self.keys: list[bytes] = []
        self._fails_at = fails_at

    async def send_and_wait(self, topic: str, value: bytes, *, key: bytes, partition: int) -> None:
        assert (topic, partition) == ("test.audit.v1", 0)
        if self._fails_at is not None and len(self.entries) >= self._fails_at:
            raise KafkaTimeoutError
        self.values.append(value)
        self.entries.append(READER.opened(audit_entries.decode(value)))
        self.keys.append(key)


def audit(log: Any, vault: Vault = VAULT) -> Audit:
    return Audit(log, Settings(venue="test"), lambda: NOW, vault)


READER = audit(None)


async def test_an_action_is_on_the_log_before_it_begins() -> None:
    log = Log()
    async with audit(log).action(ADMIN, AuditAction.KEY_CREATED, ANN, "k", {"expires": "0"}):
        (entry,) = log.entries
    assert log.entries == [entry]
    assert log.keys == [b"ann"]
    assert (entry.account, entry.actor, entry.address) == (ANN, "admin", "192.0.2.1")
    assert (entry.action, entry.outcome) == (AuditAction.KEY_CREATED, AuditOutcome.BEGUN)
    assert (entry.at, entry.subject, entry.details) == (NOW, "k", {"expires": "0"})


async def test_what_the_log_does_not_have_is_not_done() -> None:
    done = False
    with pytest.raises(ApiError) as refused:
        async with audit(Log(fails_at=0)).action(ADMIN, AuditAction.DEPOSIT, ANN):
            done = True
    assert (refused.value.code, refused.value.status) == (-1001, 503)
    assert not done


@pytest.mark.parametrize(
    ("error", "outcome"),
    [(email_taken(), AuditOutcome.REFUSED), (unknown_status(), AuditOutcome.UNKNOWN)],
)
async def test_what_is_refused_or_not_known_has_a_second_entry(
    error: ApiError, outcome: AuditOutcome
) -> None:
    log = Log()
    with pytest.raises(ApiError) as raised:
        async with audit(log).action(ADMIN, AuditAction.LOGIN_SET, ANN):
            raise error
    assert raised.value is error
    begun, ended = log.entries
    assert begun.action_id == ended.action_id
    assert (ended.outcome, ended.details) == (outcome, {"code": str(error.code)})


async def test_the_client_is_told_its_own_error_also_when_the_log_has_gone_meanwhile(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with pytest.raises(ApiError) as raised:
        async with audit(Log(fails_at=1)).action(ADMIN, AuditAction.LOGIN_SET, ANN):
            raise email_taken()
    assert raised.value.status == 409
    assert "the audit lacks an outcome" in caplog.text


async def test_each_action_has_a_name_of_its_own_and_bounded_terms() -> None:
    log = Log()
    for _ in range(2):
        async with audit(log).action(
            ADMIN, AuditAction.MARKET_CREATED, VENUE, "x" * 9999, {"tick": "0" * 9999}
        ):
            pass
    first, second = log.entries
    assert first.action_id != second.action_id
    assert len(first.subject) == len(first.details["tick"]) == TEXT_MAX
    assert first.account == VENUE


async def registered(vault: Vault) -> Log:
    log = Log()
    terms = {"networks": "203.0.113.7/32"}
    async with audit(log, vault).action(USER, AuditAction.REGISTERED, ANN, EMAIL, terms):
        pass
    return log


@pytest.mark.parametrize("vault", [VAULT, Vault()], ids=["a key", "no key"])
async def test_what_identifies_a_person_is_not_on_the_log_in_clear(vault: Vault) -> None:
    (value,) = (await registered(vault)).values
    for hidden in (EMAIL, "example", "192.0.2.7", "203.0.113.7"):
        assert hidden.encode() not in value
    assert b'"account":"ann"' in value
    assert b'"actor":"user"' in value
    assert b'"action":"registered"' in value


async def test_who_has_the_key_opens_an_entry_and_nobody_else() -> None:
    (value,) = (await registered(VAULT)).values
    closed = audit_entries.decode(value)
    opened = READER.opened(closed)
    assert (opened.actor, opened.address) == (USER.name, USER.address)
    assert (opened.subject, opened.details) == (EMAIL, {"networks": "203.0.113.7/32"})
    assert audit(None, Vault([b"x" * 32])).opened(closed) == closed
    elsewhere = replace(closed, action_id="another")
    assert READER.opened(elsewhere) == elsewhere


async def test_an_entry_from_before_they_were_sealed_is_read_as_it_is() -> None:
    (value,) = (await registered(VAULT)).values
    clear = READER.opened(audit_entries.decode(value))
    assert READER.opened(clear) == clear
