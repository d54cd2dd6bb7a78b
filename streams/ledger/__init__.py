"""The ledger: who has what of which asset, and what of it is held for open orders. Pure.

One `LedgerPartition` for each partition of `commands`. Imports nothing of the project but
`streams.messages`, `streams.topics` and `streams.outputs`. Read in this order: `books` (double
entry), `standing` (who is frozen, what is taken out), `ledger` (what commands do to the books),
`order_counts` (who places too many orders), `requests` (how retries are recognised), `inbox` (what
is let in), `outbox` (what is said), `partition` (all of it, driven by records), `snapshot`.
"""

from streams.ledger.books import LedgerCorrupt
from streams.ledger.partition import LedgerPartition

__all__ = ["LedgerCorrupt", "LedgerPartition"]
