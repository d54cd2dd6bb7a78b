"""A verification from start to verdict.

In this order, so that what is compared was there when it is looked for:

1. What the database has as each market's last trade.
2. Where the ledgers stand, then the markets: whatever a ledger took, its market had sent.
3. Where all topics end: what the machines said up to there, and those trades, lie before.
4. Replay the machines to where they stood, and wait for the projections to pass those ends.
5. Read the database.
6. Where `commands` and `orders` end now: whatever the database shows follows from what lies
   before. The replayed machines are driven on to there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

from infra.settings import Settings
from infra.verify import database as rows_of
from infra.verify import money, rows
from infra.verify.checks import Check, Difference, check, checked, count
from infra.verify.replay import History, Replay, Source
from infra.verify.tail import follow
from infra.verify.topics import CHAINED, Span, dead_letters_once, follows, places, spans
from infra.verify.views import BooksView, LedgerView, view_of_books, view_of_ledger
from infra.verify.workers import Standing, Workers
from projections.epoch import epoch_of
from projections.session import Database
from streams.ledger import LedgerPartition
from streams.matching import MatchingPartition
from streams.messages import MarketId
from streams.runtime.cql_store import CqlStore
from streams.runtime.kafka_log import KafkaLog
from streams.runtime.ledger_worker import ROLE as LEDGER
from streams.runtime.market_data_worker import ROLE as MARKET_DATA
from streams.runtime.matching_worker import ROLE as MATCHING
from streams.runtime.ports import Place
from streams.runtime.role import Role
from streams.runtime.transport import Lease

ROLES = (LEDGER, MATCHING, MARKET_DATA)
"""In the order in which they are asked where they stand."""


@dataclass(frozen=True, slots=True)
class Moment:
    """What a verification is about: where machines stand, and how far topics are read."""

    newest: Mapping[MarketId, int]
    standings: Mapping[str, Mapping[int, Standing]]
    within: Mapping[Place, Span]
    ends: Mapping[Place, int]


@dataclass(slots=True)
class Replayed:
    """Machines made again, and what of them is compared, by partition."""

    machines: dict[str, dict[int, Replay]] = field(default_factory=dict)
    ledgers: dict[int, LedgerView] = field(default_factory=dict)
    books: dict[int, BooksView] = field(default_factory=dict)

    @property
    def malformed(self) -> set[tuple[str, int]]:
        """The malformed records met, as dead letters name them."""
        return {
            (f"{replay.role.source.short}/{replay.partition}", offset)
            for replays in self.machines.values()
            for replay in replays.values()
            for offset in replay.malformed
        }


async def verify(
    settings: Settings, urls: Iterable[str], source: Source, last: int | None
) -> list[Check]:
    """Hold a running system against its log. `urls` are those of its workers' health servers.

    Of public topics, at most the `last` records of each partition are read. Raises
    `CannotVerify`, `KafkaError`, `DatabaseUnavailable`, `StoreUnavailable`.
    """
    async with AsyncExitStack() as stack:
        database = await Database.connect(settings)
        stack.push_async_callback(database.close)
        store = CqlStore(settings)
        stack.push_async_callback(store.close)
        workers = Workers.at(urls)
        stack.push_async_callback(workers.close)
        # It never renews this lease, so it can't write.
        log = KafkaLog(settings, Lease(0), await epoch_of(database))
        verification = Verification(settings, log, database, History(log, store, source))
        return await verification.run(await verification.moment(workers, last))


class Verification:
    """The checks, over one log and one database."""

    def __init__(
        self, settings: Settings, log: KafkaLog, database: Database, history: History
    ) -> None:
        self._settings = settings
        self._log = log
        self._database = database
        self._history = history

    async def moment(self, workers: Workers, last: int | None) -> Moment:
        """Decide what is compared: the system as it is now."""
        newest = await rows_of.newest_trades(self._database)
        standings = {
            role.name: await workers.standings(role, role.partitions(self._settings))
            for role in ROLES
        }
        within = await spans(self._log, self._settings, last)
        return Moment(newest, standings, within, await self._ends())

    async def run(self, moment: Moment) -> list[Check]:
        """All checks; none is left out because another found a difference, if it can be made."""
        replayed = Replayed()
        checks = [
            await checked(f"{role.name}: as the log makes it", self._states(role, moment, replayed))
            for role in ROLES
        ]
        checks.append(check("no book is crossed", lambda: _look_at_books(replayed)))
        checks.append(check("every ledger sums to zero", lambda: _look_at_ledgers(replayed)))
        await rows_of.until_projected(self._settings, self._log.epoch, moment.within)
        checks += await self._accounts(moment, replayed)
        checks += [
            await checked(
                f"{topic.short}: each record follows",
                follows(self._log, topic, moment.within, replayed.books),
            )
            for topic in CHAINED
        ]
        trades = rows_of.trades_agree(self._log, self._database, moment.within, moment.newest)
        checks.append(await checked("trades: once in the database", trades))
        letters = dead_letters_once(self._log, moment.within, replayed.malformed)
        checks.append(await checked("dead letters: once each", letters))
        return checks

    async def _states(self, role: Role, moment: Moment, replayed: Replayed) -> str:
        """Replay a role's machines to where they stand, and compare digests."""
        replays = replayed.machines[role.name] = {}
        differences: list[Difference] = []
        for partition, standing in sorted(moment.standings[role.name].items()):
            try:
                replays[partition] = replay = await self._history.replay(
                    role, partition, standing.position, self._settings
                )
                _compare_digests(replay, standing)
            except Difference as difference:
                differences.append(difference)
        if differences:
            raise differences[0]
        records = count(sum(replay.records for replay in replays.values()), "record")
        return f"{count(len(replays), 'partition')}, {records} replayed"

    async def _accounts(self, moment: Moment, replayed: Replayed) -> list[Check]:
        """What is between ledgers, markets and the database."""
        names = (
            "holds: those of open orders",
            "money is conserved",
            "balances: those of the ledgers",
            "open orders: those of the books",
        )
        settings = self._settings
        complete = (len(replayed.ledgers), len(replayed.books))
        if complete != (settings.account_partitions, settings.market_partitions):
            return [
                Check(name, "", "not compared: machines could not be replayed") for name in names
            ]
        balances = await rows_of.balances(self._database)
        orders = await rows_of.open_orders(self._database)
        try:
            tail = await follow(
                self._history,
                replayed.machines[LEDGER.name],
                replayed.machines[MATCHING.name],
                moment.ends,
                await self._ends(),
            )
        except Difference as difference:
            return [Check(name, "", f"not compared: {difference}") for name in names]
        ledgers, books = replayed.ledgers, replayed.books
        found = (
            lambda: money.holds_agree(ledgers, books, tail.moving),
            lambda: money.conserved(ledgers, books, tail),
            lambda: rows.balances_agree(balances, ledgers, tail),
            lambda: rows.open_orders_agree(orders, books, tail),
        )
        return [check(name, find) for name, find in zip(names, found, strict=True)]

    async def _ends(self) -> dict[Place, int]:
        """Where the topics end that ledgers and markets read."""
        sources = [
            place for role in (LEDGER, MATCHING) for place in places(role.source, self._settings)
        ]
        bounds = await self._log.bounds(sources)
        return {place: end for place, (_, end) in bounds.items()}


def _compare_digests(replay: Replay, standing: Standing) -> None:
    digest = replay.machine.digest()
    if digest != standing.digest:
        raise Difference(
            f"{replay.name}@{standing.position}: the worker's digest is {standing.digest},"
            f" the log's {digest}"
        )


def _look_at_books(replayed: Replayed) -> str:
    for partition, replay in replayed.machines[MATCHING.name].items():
        assert isinstance(replay.machine, MatchingPartition)
        replayed.books[partition] = view_of_books(replay.machine)
    return count(sum(len(view.levels) for view in replayed.books.values()), "book")


def _look_at_ledgers(replayed: Replayed) -> str:
    for partition, replay in replayed.machines[LEDGER.name].items():
        assert isinstance(replay.machine, LedgerPartition)
        replayed.ledgers[partition] = view_of_ledger(replay.machine)
    purses = count(sum(len(view.purses) for view in replayed.ledgers.values()), "balance")
    return f"{count(len(replayed.ledgers), 'ledger')}, {purses}"
