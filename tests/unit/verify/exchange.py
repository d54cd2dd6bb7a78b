"""A small exchange in memory: the real machines and publisher, over a log open to tampering.

Two ledgers, one partition of markets. Nothing moves unless it is told to, so a test decides what
is in flight.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import replace

from infra.settings import Settings
from infra.verify.replay import History, Replay, Source
from infra.verify.tail import Tail, follow
from infra.verify.views import BooksView, LedgerView, view_of_books, view_of_ledger
from streams.ledger import LedgerPartition
from streams.matching import MatchingPartition
from streams.messages import (
    FRAME_VERSION,
    UNIT,
    AccountCommand,
    AccountId,
    Asset,
    ConfigureMarket,
    Deposit,
    Frame,
    Lots,
    MarketCommand,
    MarketConfig,
    MarketId,
    OpenAccount,
    OrderId,
    OrderType,
    PlaceOrder,
    Sequence,
    Side,
    Ticks,
    TimeInForce,
    Units,
    encode_frame,
    partition_of_account,
    request_id,
)
from streams.runtime.ledger_worker import ROLE as LEDGER
from streams.runtime.matching_worker import ROLE as MATCHING
from streams.runtime.ports import Checkpoint, Kept, Mark, Place, Record
from streams.runtime.publisher import Publisher
from streams.runtime.role import Role
from streams.topics import COMMANDS, ORDERS, Topic

MARKET = MarketId("BTCUSDT")
BTC, USDT = Asset("BTC"), Asset("USDT")
ALICE, BOB = AccountId("alice"), AccountId("bob")
LEDGERS = 2
SETTINGS = Settings(account_partitions=LEDGERS, market_partitions=1)


class MemoryLog:
    """The broker, as its port says; time is the number of records it has taken."""

    def __init__(self) -> None:
        self.records: dict[Place, list[Kept]] = defaultdict(list)
        self.firsts: dict[Place, int] = defaultdict(int)
        self._time = 0

    async def append(self, records: Mapping[Place, list[Record]]) -> dict[Place, int]:
        for place, sent in records.items():
            for record in sent:
                self._time += 1
                kept = Kept(
                    len(self.records[place]), self._time, record.key, record.value, record.headers
                )
                self.records[place].append(kept)
        return {place: len(self.records[place]) for place in records}

    async def read(self, starts: Mapping[Place, int]) -> AsyncIterator[tuple[Place, list[Kept]]]:
        for place, start in starts.items():
            yield place, self.records[place][max(start, self.firsts[place]) :]

    async def bounds(self, places: Iterable[Place]) -> dict[Place, tuple[int, int]]:
        return {place: (self.firsts[place], len(self.records[place])) for place in places}


class MemoryStore:
    """The database, as its port says; `archive` says which records it still has."""

    def __init__(self, log: MemoryLog) -> None:
        self._log = log
        self.archive = range(0)
        self.kept: dict[tuple[str, int], list[tuple[Checkpoint, list[bytes]]]] = defaultdict(list)

    async def checkpoints(self, role: str, partition: int) -> list[Checkpoint]:
        kept = [checkpoint for checkpoint, _ in self.kept[role, partition]]
        return sorted(kept, key=lambda checkpoint: -checkpoint.position)

    async def chunks(self, checkpoint: Checkpoint) -> list[bytes]:
        kept = self.kept[checkpoint.role, checkpoint.partition]
        return next(chunks for each, chunks in kept if each == checkpoint)

    async def save(self, checkpoint: Checkpoint, chunks: list[bytes]) -> None:
        self.kept[checkpoint.role, checkpoint.partition].append((checkpoint, chunks))

    async def mark(self, mark: Mark) -> None:
        pass  # nothing here comes back

    async def marked(self, role: str, partition: int) -> Mark | None:
        return None

    async def forget(self, checkpoint: Checkpoint) -> None:
        raise NotImplementedError

    async def archived(self, topic: Topic, partition: int, start: int) -> AsyncIterator[Kept]:
        for record in self._log.records[topic, partition][start:]:
            if record.offset not in self.archive:
                return
            yield record


class Exchange:
    """Machines, each with the number of records it has taken."""

    def __init__(self) -> None:
        self.log = MemoryLog()
        self.store = MemoryStore(self.log)
        self._publishers = defaultdict[Place, Publisher](lambda: Publisher(self.log, "test"))
        self.ledgers = {p: Replay(LEDGER, p, LEDGER.new(p, SETTINGS)) for p in range(LEDGERS)}
        self.books = {0: Replay(MATCHING, 0, MATCHING.new(0, SETTINGS))}
        self._orders = 0

    async def open(self) -> None:
        """Create the market, and give alice and bob 10 BTC and 10,000 USDT each."""
        config = MarketConfig(
            MARKET,
            0,
            BTC,
            USDT,
            Units(UNIT),
            Units(UNIT),
            Units(0),
            maker_fee_bps=10,
            taker_fee_bps=10,
        )
        configure: Frame[MarketCommand] = Frame(
            FRAME_VERSION, "", Sequence(0), [ConfigureMarket(config)]
        )
        await self._append(ORDERS, 0, configure)
        for account in (ALICE, BOB):
            await self.send(OpenAccount(account))
            await self.send(Deposit(account, BTC, Units(10 * UNIT), ""))
            await self.send(Deposit(account, USDT, Units(10_000 * UNIT), ""))

    async def send(self, command: AccountCommand) -> OrderId:
        partition = partition_of_account(command.account, LEDGERS)
        frame: Frame[AccountCommand] = Frame(FRAME_VERSION, "", Sequence(0), [command])
        offset = await self._append(COMMANDS, partition, frame)
        return OrderId(request_id(partition, offset, 0))

    async def place(self, account: AccountId, side: Side, price: int, quantity: int) -> OrderId:
        """Send a limit order, its price in whole dollars, its quantity in whole bitcoins."""
        self._orders += 1
        asset, hold = (USDT, price * quantity) if side is Side.BUY else (BTC, quantity)
        order = PlaceOrder(
            account,
            MARKET,
            0,
            f"order-{self._orders}",
            side,
            OrderType.LIMIT,
            TimeInForce.GTC,
            Ticks(price),
            Lots(quantity),
            Units(0),
            asset,
            Units(hold * UNIT),
        )
        return await self.send(order)

    async def _append(
        self, topic: Topic, partition: int, frame: Frame[AccountCommand] | Frame[MarketCommand]
    ) -> int:
        ends = await self.log.append({(topic, partition): [Record(b"", encode_frame(frame), [])]})
        return ends[topic, partition] - 1

    async def advance(self, *roles: Role) -> None:
        """Let the machines of these roles take all that the log has for them now."""
        for replay in (*self.ledgers.values(), *self.books.values()):
            if replay.role in roles:
                for record in self.log.records[replay.place][replay.position :]:
                    await self._publishers[replay.place].publish(replay.take(record))

    async def settle(self) -> None:
        """Let all machines work until nothing is in flight."""
        for _ in range(4):
            await self.advance(LEDGER, MATCHING)

    def copies(self) -> tuple[dict[int, Replay], dict[int, Replay]]:
        """The machines as they stand, to be driven on without these."""
        ledgers = {partition: _copy(replay) for partition, replay in self.ledgers.items()}
        return ledgers, {partition: _copy(replay) for partition, replay in self.books.items()}

    def views(self) -> tuple[dict[int, LedgerView], dict[int, BooksView]]:
        """The machines as they stand."""
        ledgers, books = {}, {}
        for partition, replay in self.ledgers.items():
            assert isinstance(replay.machine, LedgerPartition)
            ledgers[partition] = view_of_ledger(replay.machine)
        for partition, replay in self.books.items():
            assert isinstance(replay.machine, MatchingPartition)
            books[partition] = view_of_books(replay.machine)
        return ledgers, books

    async def tail(self) -> Tail:
        """What the log has after where the machines stand; they are driven on to its end."""
        ends = {place: len(records) for place, records in self.log.records.items()}
        history = History(self.log, self.store, Source.START)
        return await follow(history, self.ledgers, self.books, ends, ends)


def _copy(replay: Replay) -> Replay:
    machine = replay.role.new(replay.partition, SETTINGS)
    machine.restore(replay.machine.snapshot())
    return replace(replay, machine=machine)
