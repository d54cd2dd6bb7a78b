"""The market-data worker: `trades` in, `tickers`, `klines` out."""

from __future__ import annotations

from infra.settings import Settings
from streams.market_data.partition import MarketDataPartition
from streams.runtime import worker
from streams.runtime.role import Role
from streams.topics import KLINES, TICKERS, TRADES

ROLE = Role(
    name="market-data",
    source=TRADES,
    targets=(TICKERS, KLINES),
    new=lambda partition, settings: MarketDataPartition(partition),
)


def run(settings: Settings) -> None:
    """Run the market-data worker until SIGTERM."""
    worker.run(ROLE, settings)
