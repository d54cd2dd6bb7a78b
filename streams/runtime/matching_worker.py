"""The matching worker: `orders` in, `commands`, `updates`, `trades`, `depth`, `markets` out."""

from __future__ import annotations

from infra.settings import Settings
from streams.matching.partition import MatchingPartition
from streams.messages import FRAME_VERSION, Frame, Sequence, Tick, encode_frame
from streams.runtime import worker
from streams.runtime.role import Role
from streams.topics import COMMANDS, DEPTH, MARKETS, ORDERS, TRADES, UPDATES

ROLE = Role(
    name="matching",
    source=ORDERS,
    targets=(COMMANDS, UPDATES, TRADES, DEPTH, MARKETS),
    new=lambda partition, settings: MatchingPartition(partition, settings.account_partitions),
    tick=encode_frame(Frame(FRAME_VERSION, "", Sequence(0), [Tick()])),
)


def run(settings: Settings) -> None:
    """Run the matching worker until SIGTERM."""
    worker.run(ROLE, settings)
