"""A recovery, from its first look to the first records of the new log.

The order of steps makes it safe to die anywhere: nothing is changed before it is known that all of
it can be done; from then until the epoch is raised, no service starts; and whoever runs it again
does all of it again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

from infra.recover import ground, marks, read_models
from infra.recover.cut import Cut, consistent_cut
from infra.recover.past import CannotRecover, Past
from infra.recover.report import Recovered, Report, lost_by_account, lost_by_market
from infra.recover.tape import restored_tape
from infra.settings import Settings
from infra.verify import database as rows_of
from projections import epoch as epochs
from projections.queries import Queries
from projections.session import Database
from projections.tables import Write
from projections.writer import Writer
from streams.ledger import LedgerPartition
from streams.market_data import MarketDataPartition
from streams.matching import MatchingPartition
from streams.messages import (
    FRAME_VERSION,
    Frame,
    MarketId,
    OpenAccount,
    OrderId,
    OrderUpdate,
    Place,
    Sequence,
    encode_frame,
    partition_of_account,
)
from streams.messages.epoch import EPOCHS_MAX, Epoch
from streams.outputs import Output, Processor
from streams.runtime import checkpoints
from streams.runtime.checkpoints import Held
from streams.runtime.cql_store import CqlStore
from streams.runtime.kafka_log import KafkaLog
from streams.runtime.ledger_worker import ROLE as LEDGER
from streams.runtime.market_data_worker import ROLE as MARKET_DATA
from streams.runtime.matching_worker import ROLE as MATCHING
from streams.runtime.ports import Record
from streams.runtime.publisher import Publisher
from streams.runtime.role import Role
from streams.runtime.transport import Lease
from streams.topics import COMMANDS, ORDERS

ROWS_AT_ONCE = 2_000

Tell = Callable[[str], None]
"""Told of each step as it begins."""


@dataclass(slots=True)
class Machines:
    """The machines at the cut, and the commands of each that were on their way."""

    ledgers: dict[int, LedgerPartition] = field(default_factory=dict)
    markets: dict[int, MatchingPartition] = field(default_factory=dict)
    tapes: dict[int, MarketDataPartition] = field(default_factory=dict)
    on_the_way: list[list[Output]] = field(default_factory=list)
    to_say: list[Output] = field(default_factory=list)

    def all(self) -> list[tuple[Role, int, Processor]]:
        found: list[tuple[Role, int, Processor]] = []
        found += [(LEDGER, partition, machine) for partition, machine in self.ledgers.items()]
        found += [(MATCHING, partition, machine) for partition, machine in self.markets.items()]
        found += [(MARKET_DATA, partition, machine) for partition, machine in self.tapes.items()]
        return found

    def market(self, name: MarketId) -> MatchingPartition | None:
        """Where a market is."""
        return next((each for each in self.markets.values() if name in each.markets), None)

    def placed(self) -> set[OrderId]:
        """Orders on their way to their market."""
        return {
            output.message.order_id
            for outputs in self.on_the_way
            for output in outputs
            if isinstance(output.message, Place)
        }


async def recover(settings: Settings, tell: Tell) -> Report:
    """Make the venue again from its database, on a broker that has lost its data.

    Raises `NotNow` or `CannotRecover` before anything is changed; `DatabaseUnavailable`,
    `StoreUnavailable`, `KafkaError` whenever: then it is to be run again.
    """
    async with AsyncExitStack() as stack:
        store = CqlStore(settings)
        stack.push_async_callback(store.close)
        database = await store.connected()
        epoch, interrupted = await epochs.standing(database)
        recovery = Recovery(settings, store, database, epoch, tell)
        stack.push_async_callback(recovery.close)
        await recovery.prepare(interrupted)
        machines = await recovery.bring_back()
        await recovery.begin(machines)
        return recovery.report


class Recovery:
    """The steps, over one broker and one database."""

    def __init__(
        self, settings: Settings, store: CqlStore, database: Database, epoch: Epoch, tell: Tell
    ) -> None:
        self._settings = settings
        self._store = store
        self._database = database
        self._epoch = epoch
        self._tell = tell
        lease = Lease(float("inf"))
        lease.renew(time.monotonic())  # nobody else writes: it is seen to that nobody is there
        self._following = Epoch(epoch.number + 1)
        self._log = KafkaLog(settings, lease)
        self._writer = Writer(database)
        self._writes: list[Write] = []
        self._pasts: dict[str, Past] = {}
        self.report = Report(self._following.number)

    async def close(self) -> None:
        await self._log.stop()

    async def prepare(self, interrupted: Epoch | None) -> None:
        """Raise `NotNow` unless a recovery may begin; create the topics. What is left of one that
        was interrupted goes.
        """
        self._tell("looking at the broker")
        await ground.new_topics(self._settings, self._log, again=interrupted is not None)
        if interrupted is not None:
            for role in (LEDGER, MATCHING, MARKET_DATA):
                for partition in range(role.partitions(self._settings)):
                    for kept in await self._store.checkpoints(role.name, partition):
                        if kept.position == interrupted.first:
                            await self._store.forget(kept)

    # -- what the database has ---------------------------------------------------------------------

    async def bring_back(self) -> Machines:
        """The machines at the largest consistent cut. Raises `CannotRecover`."""
        for role in (LEDGER, MATCHING):
            for partition in range(role.partitions(self._settings)):
                past = Past(role, partition, self._settings, self._store)
                self._tell(f"reading the archive of {past.name}")
                await past.look(self._epoch)
                self._pasts[past.name] = past
        cut = await self._cut()
        self._choose_epoch()
        await epochs.begin_recovery(self._database, self._following)
        machines = Machines()
        for name, past in self._pasts.items():
            self._tell(f"replaying {name}")
            await self._replay(past, cut, machines)
        await self._account_for(cut)
        return machines

    async def _cut(self) -> Cut:
        """The largest cut; machines that came too young for it start further back."""
        while True:
            cut = consistent_cut({name: past.path for name, past in self._pasts.items()})
            if not cut.too_young:
                return cut
            for name in sorted(cut.too_young):
                self._tell(f"reading the archive of {name} from further back")
                await self._pasts[name].older()

    def _choose_epoch(self) -> None:
        """The first that begins behind every record there has been. Raises `CannotRecover`."""
        ends = [past.archive_end for past in self._pasts.values()]
        while self._following.first < max(ends):
            self._following = Epoch(self._following.number + 1)
        if self._following.number >= EPOCHS_MAX:
            raise CannotRecover(f"a venue has {EPOCHS_MAX} epochs at most: ids would pass 2^53")
        self.report.epoch = self._following.number

    async def _replay(self, past: Past, cut: Cut, machines: Machines) -> None:
        end = cut.ends[past.name]
        peers = "matching" if past.role is LEDGER else "ledger"
        passed_on = ORDERS if past.role is LEDGER else COMMANDS
        taken = {
            partition: self._pasts[f"{peers}:{partition}"]
            .path.taken[past.name]
            .at(cut.ends[f"{peers}:{partition}"])
            for partition in range(len(past.path.sent))
        }
        on_the_way: list[Output] = []

        async def take(outputs: list[Output]) -> None:
            for output in outputs:
                if output.topic is passed_on and output.seq > taken[output.partition]:
                    on_the_way.append(output)
            self._writes += read_models.projected(outputs)
            await self._write_some()

        machine = await past.replay(end, take)
        await self._write(self._writes)
        match machine:
            case LedgerPartition():
                machines.ledgers[past.partition] = machine
            case MatchingPartition():
                machines.markets[past.partition] = machine
        machines.on_the_way.append(on_the_way)
        self.report.sent += len(on_the_way)

    async def _account_for(self, cut: Cut) -> None:
        """Note what was replayed, what was left out, and whose requests were."""
        sent = {
            (sender, receiver): counter.at(cut.ends[sender])
            for sender, past in self._pasts.items()
            for receiver, counter in past.path.sent.items()
        }
        known: set[int] = set()
        for name, past in self._pasts.items():
            end, limit = cut.ends[name], cut.limits.get(name)
            why = "" if limit is None else f"{limit.sender} sent no more than {limit.number} there"
            if past.path.end < past.archive_end:
                why = why or "behind a hole in the archive"
            numbers = (end - past.path.start, end, max(past.archive_end - end, 0))
            self.report.machines.append(Recovered(name, past.begins, *numbers, why))
            of_senders = {sender: sent[sender, name] for sender in past.path.taken}
            async for record in past.left_out(end):
                lost = (
                    lost_by_account(past.partition, record)
                    if past.role is LEDGER
                    else lost_by_market(record, of_senders)
                )
                for each in lost:
                    if not each.request or each.request not in known:
                        known.add(each.request)
                        self.report.lost.append(each)

    # -- what is made of it ------------------------------------------------------------------------

    async def begin(self, machines: Machines) -> None:
        """Begin the epoch: numbers jump, read models are corrected, the new log gets its first
        records.
        """
        self._tell("correcting the read models")
        balances = await rows_of.balances(self._database)
        open_orders = await rows_of.open_orders(self._database)
        await self._number(machines, marks.updates_seen(self._settings, balances, open_orders))
        await self._write(list(read_models.balances(machines.ledgers.values(), balances)))
        await self._correct_orders(machines, open_orders)
        self._tell("writing checkpoints")
        await self._checkpoint(machines)
        self._tell("writing the new log's first records")
        await self._publish(machines)
        await epochs.finish_recovery(self._database, self._following)

    async def _number(self, machines: Machines, updates: marks.Updates) -> None:
        """Let no number be used again that anybody may have seen."""
        first = self._following.first
        seen = await marks.markets_seen(self._database)
        self.report.markets = sorted(name for name in seen if machines.market(name) is None)
        for ledger in machines.ledgers.values():
            ledger.begin_epoch(first, marks.after_ledger(ledger, updates))
        for partition, matching in machines.markets.items():
            for name, market in sorted(matching.markets.items()):
                told = seen.get(name, marks.NOTHING).trade_id
                if told > market.trade_id:
                    self.report.trades.append((name, market.trade_id + 1, told))
            tape = await restored_tape(
                partition, matching.markets, self._database, self._store, self._settings
            )
            machines.tapes[partition] = tape
            machines.to_say += matching.begin_epoch(
                first,
                marks.after_matching(matching, updates),
                marks.after_markets(matching, seen),
            )
            machines.to_say += tape.begin_epoch(first)

    async def _correct_orders(self, machines: Machines, open_orders: Iterable[OrderUpdate]) -> None:
        index, known = read_models.OpenIndex(), machines.placed()
        for matching in machines.markets.values():
            async for order, writes in read_models.resting(matching, self._database):
                known.add(order.order_id)
                index.add(order.account, order.market, order.order_id, order.seq)
                self._writes += writes
                await self._write_some()
        for order in open_orders:
            if order.order_id not in known:
                partition = partition_of_account(order.account, self._settings.account_partitions)
                self.report.orders.append(order.order_id)
                self._writes += read_models.lost(order, machines.market(order.market), partition)
        self._writes += await index.changes(self._database)
        await self._write(self._writes)

    async def _checkpoint(self, machines: Machines) -> None:
        first = self._following.first
        for role, partition, machine in machines.all():
            outputs = {place: int(first) for place in role.written(partition, self._settings)}
            held = Held(machine, first, outputs, first, at=int(time.time() * 1000))
            await self._store.save(*checkpoints.take(role, partition, held))

    async def _publish(self, machines: Machines) -> None:
        self._log.epoch = self._following
        await self._log.start()
        publisher = Publisher(self._log, self._settings.venue)
        for outputs in machines.on_the_way:
            await publisher.publish(outputs)
        await publisher.publish(machines.to_say)
        await self._open_accounts(machines.ledgers)

    async def _open_accounts(self, ledgers: Mapping[int, LedgerPartition]) -> None:
        """An account with a name and keys whose opening was lost is opened again."""
        for each in await Queries(self._database).accounts():
            partition = partition_of_account(each.account, self._settings.account_partitions)
            if each.account not in ledgers[partition].ledger.accounts:
                frame = Frame(FRAME_VERSION, "", Sequence(0), [OpenAccount(each.account)])
                record = Record(each.account.encode(), encode_frame(frame), [])
                await self._log.append({(COMMANDS, partition): [record]})
                self.report.accounts.append(each.account)

    async def _write_some(self) -> None:
        """Bring rows into the database where many have piled up."""
        if len(self._writes) >= ROWS_AT_ONCE:
            await self._write(self._writes)

    async def _write(self, writes: list[Write]) -> None:
        await self._writer.store(writes)
        self.report.rows += len(writes)
        writes.clear()
