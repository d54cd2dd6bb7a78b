"""The audit log, as a whole and by account."""

from __future__ import annotations

from msgspec.structs import replace

from projections.series import Series
from projections.tables import Table, Write
from streams.messages.audit import VENUE, AuditEntry, audit_entries, encode_audit_entry

ENTRIES_PER_BUCKET = 2**14
"""About eight megabytes of entries."""

AUDIT = Series(
    Table("audit", ("account", "bucket"), ("sequence",), ("event",)),
    ENTRIES_PER_BUCKET,
    audit_entries.decode,
    lambda entry: entry.at,
)
EVERYTHING = VENUE
"""The account under which all entries are listed, besides their own."""


def rows_of_audit(entry: AuditEntry, offset: int) -> list[Write]:
    """The entry among those of its account, and among all."""
    entry = replace(entry, sequence=offset)
    text = encode_audit_entry(entry).decode()
    return [
        AUDIT.write((account,), (offset,), entry.at, text, offset + 1)
        for account in sorted({entry.account, EVERYTHING})
    ]
