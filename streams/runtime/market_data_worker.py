"""The market-data worker: `trades` in, `tickers`, `klines` out."""

from __future__ import annotations

from infra.settings import Settings
from streams.market_data.partition import MarketDataPartition
from streams.runtime import worker
from streams.runtime.role import Role
from streams.topics import KLINES, TICKERS, TRADES

SAMPLED_EVERY_S = 0.1
"""A trade changes a ticker and a candle of each interval. Streams tell of them four times a second
at most, so under steady trade a sample for each would be work for everyone and news for nobody."""

ROLE = Role(
    name="market-data",
    source=TRADES,
    targets=(TICKERS, KLINES),
    new=lambda partition, settings: MarketDataPartition(partition),
    gather_s=SAMPLED_EVERY_S,
)


def run(settings: Settings) -> None:
    """Run the market-data worker until SIGTERM."""
    worker.run(ROLE, settings)
