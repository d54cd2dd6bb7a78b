"""The audit's records are kept for good: what was written is read for good."""

from __future__ import annotations

from streams.messages import AccountId, Millis
from streams.messages.audit import (
    AuditAction,
    AuditEntry,
    AuditOutcome,
    audit_entries,
    encode_audit_entry,
)
from tests.unit.messages.samples import GOLDEN

ENTRY = AuditEntry(
    action_id="0123456789abcdef",
    at=Millis(1_499_827_319_559),
    account=AccountId("ann"),
    actor="user:ann@example.com",
    action=AuditAction.KEY_CREATED,
    outcome=AuditOutcome.BEGUN,
    address="192.0.2.1",
    subject="vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A",
    details={"permissions": "read trade"},
    sequence=7,
)


def test_the_format_of_an_entry_has_not_changed() -> None:
    record = (GOLDEN / "AuditEntry.json").read_bytes().strip()
    assert audit_entries.decode(record) == ENTRY
    assert encode_audit_entry(ENTRY) == record
