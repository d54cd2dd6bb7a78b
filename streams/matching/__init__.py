"""The market machine: books, order types, rules. Pure: no I/O, no clock, no chance.

One `MatchingPartition` for each partition of `orders`, with a `Market` for each market bound to
it. Imports nothing of the project but `streams.messages`, `streams.topics` and `streams.outputs`.

Read in this order: `book` (who waits), `rules` (who may come in), `trading` (who meets whom),
`self_trades` (who does not), `market` (what a command does) and `outcomes` (how it says so);
`breaker` (when it halts), `settlement` (what that does to money); `depth`, `public_events`,
`order_updates`, `reports` and `outbox` (what others are told); `inbox`, `partition` (all of it,
driven by records), `snapshot`. `offline` drives one market without a log.
"""

from streams.matching.market import Market
from streams.matching.partition import MatchingPartition

__all__ = ["Market", "MatchingPartition"]
