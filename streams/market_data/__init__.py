"""Candles and the 24-hour ticker, made from trades. Pure.

One `MarketDataPartition` for each partition of `trades`. Imports nothing of the project but
`streams.messages`, `streams.topics` and `streams.outputs`. Read in this order: `candle` (what a
run of trades amounts to), `intervals`, `chart` (candles of every interval), `window` (the rolling
day), `market` (what is said of one market), `partition` (all of it, driven by records),
`snapshot`.

An interval without trades has no candle: whoever serves a series fills it in when it is read.
"""

from streams.market_data.intervals import INTERVALS, Interval
from streams.market_data.partition import MarketDataPartition, TradeGap

__all__ = ["INTERVALS", "Interval", "MarketDataPartition", "TradeGap"]
