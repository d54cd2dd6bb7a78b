"""Which numbers may have been seen: nothing that is named anew may bear one of them.

Clients may have been told of events beyond the cut, the database may have rows of them, and a row's
version is its event's number. What the database knows is looked up; what it can't know, events that
were published and not projected, are fewer than `RECOVERY_JUMP`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from infra.settings import Settings
from infra.verify.rows import BalanceRow
from projections.queries import Queries
from projections.series import Window
from projections.session import Database
from projections.trades import TRADES
from streams.ledger import LedgerPartition
from streams.matching import MatchingPartition
from streams.matching.partition import MarketNumbers
from streams.messages import MarketId, OrderUpdate, partition_of_account
from streams.messages.epoch import RECOVERY_JUMP

NOTHING = MarketNumbers(0, 0, 0)

Updates = Mapping[tuple[str, int], int]
"""The last number known, by source and partition of `updates`."""


async def markets_seen(database: Database) -> dict[MarketId, MarketNumbers]:
    """The last numbers of each market that the database knows. Raises `DatabaseUnavailable`."""
    queries = Queries(database)
    seen: dict[MarketId, MarketNumbers] = {}
    for market in await queries.markets():
        numbers = MarketNumbers(market.seq, 0, 0)
        for trade in await TRADES.read(database, (market.market,), Window(limit=1)):
            of_trade = MarketNumbers(trade.seq, trade.trade_id, trade.aggregate_id)
            numbers = _highest(numbers, of_trade)
        seen[market.market] = numbers
    for ticker in await queries.tickers():
        of_ticker = MarketNumbers(ticker.seq, ticker.last_trade_id, 0)
        seen[ticker.market] = _highest(seen.get(ticker.market, NOTHING), of_ticker)
    return seen


def updates_seen(
    settings: Settings, balances: Iterable[BalanceRow], open_orders: Iterable[OrderUpdate]
) -> Updates:
    """The last numbers on `updates` that these rows know."""
    seen: dict[tuple[str, int], int] = defaultdict(int)
    for row in balances:
        partition = partition_of_account(row.account, settings.account_partitions)
        edge = (f"ledger:{partition}", partition)
        seen[edge] = max(seen[edge], row.seq)
    for order in open_orders:
        partition = partition_of_account(order.account, settings.account_partitions)
        edge = (order.source, partition)
        seen[edge] = max(seen[edge], order.seq)
    return seen


def after_ledger(ledger: LedgerPartition, seen: Updates) -> int:
    """The last update number that is used up of a ledger."""
    edge = (f"ledger:{ledger.partition}", ledger.partition)
    return max(ledger.outbox.last_update, seen.get(edge, 0)) + RECOVERY_JUMP


def after_matching(matching: MatchingPartition, seen: Updates) -> list[int]:
    """The last update numbers that are used up of a matching partition."""
    return [
        max(own, seen.get((matching.outbox.source, partition), 0)) + RECOVERY_JUMP
        for partition, own in enumerate(matching.outbox.last_updates)
    ]


def after_markets(
    matching: MatchingPartition, seen: Mapping[MarketId, MarketNumbers]
) -> dict[MarketId, MarketNumbers]:
    """The last numbers that are used up of a partition's markets."""
    found: dict[MarketId, MarketNumbers] = {}
    for name, market in matching.markets.items():
        own = MarketNumbers(market.seq, market.trade_id, market.aggregate_id)
        highest = _highest(own, seen.get(name, NOTHING))
        found[name] = MarketNumbers(*(number + RECOVERY_JUMP for number in highest))
    return found


def _highest(one: MarketNumbers, other: MarketNumbers) -> MarketNumbers:
    return MarketNumbers(*map(max, one, other))
