"""The one table of topics. Everything that creates, reads or documents a topic derives from it.

On the broker a name carries the venue and a version, `velocity.trades.v1`, so that venues and
versions can share a cluster.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


class Spread(Enum):
    """What decides a topic's number of partitions. It is fixed when a venue is created."""

    ACCOUNTS = "accounts"
    MARKETS = "markets"
    ONE = "one"


@dataclass(frozen=True, slots=True, eq=False)
class Topic:
    """A topic and its contract. `retention_ms` is None where records don't go by their age.

    It is equal to itself alone: outputs are grouped by topic, and to hash all of these fields
    would take longer than to encode one.
    """

    short: str
    key: str
    spread: Spread
    content_type: str
    public: bool
    writers: tuple[str, ...]
    readers: tuple[str, ...]
    retention_ms: int | None
    compacted: bool = False
    version: int = 1

    def name(self, venue: str) -> str:
        """The topic's name on the broker."""
        return f"{venue}.{self.short}.v{self.version}"

    def partitions(self, accounts: int, markets: int) -> int:
        """How many partitions it has in a venue with so many for accounts and for markets."""
        return {Spread.ACCOUNTS: accounts, Spread.MARKETS: markets, Spread.ONE: 1}[self.spread]

    def config(self) -> dict[str, str]:
        """Its settings on the broker. Time is the log's: the broker stamps each record."""
        return {
            "message.timestamp.type": "LogAppendTime",
            "cleanup.policy": "compact" if self.compacted else "delete",
            "retention.ms": str(-1 if self.retention_ms is None else self.retention_ms),
            "max.message.bytes": str(4 * 1024 * 1024),
        }


MESSAGEPACK = "application/msgpack"
JSON = "application/json"

COMMANDS = Topic(
    short="commands",
    key="account",
    spread=Spread.ACCOUNTS,
    content_type=MESSAGEPACK,
    public=False,
    writers=("api", "matching"),
    readers=("ledger", "projections"),
    retention_ms=48 * HOUR_MS,
)
ORDERS = Topic(
    short="orders",
    key="market",
    spread=Spread.MARKETS,
    content_type=MESSAGEPACK,
    public=False,
    writers=("ledger", "api"),
    readers=("matching", "projections"),
    retention_ms=48 * HOUR_MS,
)
UPDATES = Topic(
    short="updates",
    key="account",
    spread=Spread.ACCOUNTS,
    content_type=JSON,
    public=False,
    writers=("ledger", "matching"),
    readers=("api", "ws", "projections"),
    retention_ms=7 * DAY_MS,
)
TRADES = Topic(
    short="trades",
    key="market",
    spread=Spread.MARKETS,
    content_type=JSON,
    public=True,
    writers=("matching",),
    readers=("market-data", "api", "ws", "projections"),
    retention_ms=7 * DAY_MS,
)
DEPTH = Topic(
    short="depth",
    key="market",
    spread=Spread.MARKETS,
    content_type=JSON,
    public=True,
    writers=("matching",),
    readers=("api", "ws"),
    retention_ms=DAY_MS,
)
TICKERS = Topic(
    short="tickers",
    key="market",
    spread=Spread.MARKETS,
    content_type=JSON,
    public=True,
    writers=("market-data",),
    readers=("api", "ws", "projections"),
    retention_ms=None,
    compacted=True,
)
KLINES = Topic(
    short="klines",
    key="market",
    spread=Spread.MARKETS,
    content_type=JSON,
    public=True,
    writers=("market-data",),
    readers=("api", "ws", "projections"),
    retention_ms=7 * DAY_MS,
)
MARKETS = Topic(
    short="markets",
    key="market",
    spread=Spread.ONE,
    content_type=JSON,
    public=True,
    writers=("matching",),
    readers=("api", "ws", "market-data", "projections"),
    retention_ms=None,
    compacted=True,
)
AUDIT = Topic(
    short="audit",
    key="account",
    spread=Spread.ONE,  # few records, and one order of all of them
    content_type=JSON,
    public=False,
    writers=("api",),
    readers=("projections",),
    retention_ms=None,
)
DEAD_LETTERS = Topic(
    short="dead-letters",
    key="source",
    spread=Spread.ONE,
    content_type="application/octet-stream",
    public=False,
    writers=("ledger", "matching", "market-data", "projections"),
    readers=(),
    retention_ms=30 * DAY_MS,
)

TOPICS = (
    COMMANDS,
    ORDERS,
    UPDATES,
    TRADES,
    DEPTH,
    TICKERS,
    KLINES,
    MARKETS,
    AUDIT,
    DEAD_LETTERS,
)
