"""The audit's rows: each entry by its place on the log, for its account and for all."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from projections.feeds import AUDIT_FEED, MalformedRecord, Record
from streams.messages import AccountId
from streams.messages.audit import VENUE, AuditEntry, audit_entries, encode_audit_entry
from streams.topics import AUDIT
from tests.unit.messages.test_audit import ENTRY


def told_to(value: bytes, offset: int = 41) -> dict[str, AuditEntry]:
    """The entries that a record makes, by the account they are listed under."""
    writes = AUDIT_FEED.reads[AUDIT](Record(AUDIT, 0, offset, 0, value))
    return {
        str(write.partition[0]): audit_entries.decode(str(write.values[0]))
        for write in writes
        if write.table.name == "audit" and write.values is not None
    }


def test_an_entry_is_listed_under_its_account_and_under_all_by_its_place() -> None:
    kept = replace(ENTRY, sequence=41)
    assert told_to(encode_audit_entry(ENTRY)) == {ENTRY.account: kept, VENUE: kept}


def test_what_concerns_the_whole_venue_is_listed_once() -> None:
    entry = replace(ENTRY, account=VENUE)
    assert set(told_to(encode_audit_entry(entry))) == {VENUE}


@pytest.mark.parametrize(
    "value", [b"", b"{}", b"\xff", encode_audit_entry(replace(ENTRY, account=AccountId("")))]
)
def test_what_is_no_entry_is_set_aside(value: bytes) -> None:
    with pytest.raises(MalformedRecord):
        told_to(value)
