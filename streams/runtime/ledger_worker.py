"""The ledger worker: `commands` in, `orders`, `updates` out."""

from __future__ import annotations

from infra.settings import Settings
from streams.ledger.partition import LedgerPartition
from streams.runtime import worker
from streams.runtime.role import Role
from streams.topics import COMMANDS, ORDERS, UPDATES

ROLE = Role(
    name="ledger",
    source=COMMANDS,
    targets=(ORDERS, UPDATES),
    new=lambda partition, settings: LedgerPartition(partition, settings.market_partitions),
)


def run(settings: Settings) -> None:
    """Run the ledger worker until SIGTERM."""
    worker.run(ROLE, settings)
