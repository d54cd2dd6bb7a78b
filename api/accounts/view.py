"""Accounts as `updates` tells of them: outcomes of requests, and reads that see one's own writes.

The database is behind the log by what its projection has yet to write, and this view holds exactly
that end of the log. Two rules make a merged read right without comparing versions:

- A read asks the database first and this view second. Whatever the view has is the newest.
- The view forgets what the database has had for longer than a read of it may take
  (`projected.FORGET_AFTER_S` against `reads.READ_LIMIT_S`). So what is missing here was in the
  database before the read began, and is the newest there is.

Before it reads, a request waits until the view has seen what this api has acknowledged to the
account: the outcome of every request, the hold of every order, and every settlement that a market
has announced. Each wait is bounded, and ends in an honest 503.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from typing import NoReturn, assert_never

import msgspec

from api.accounts.outcomes import OUTCOME_LIMIT_S, Outcomes
from api.accounts.outstanding import Outstanding
from api.accounts.progress import Position, Progress
from api.accounts.projected import ProjectedOffsets
from api.accounts.sender import Placed
from api.accounts.unprojected import AccountTail, Unprojected
from api.errors import unavailable, unknown_status
from api.feeds.tail import Record, TopicTail
from infra.settings import Settings
from streams.messages import (
    DAY_MS,
    TEN_SECONDS_MS,
    AccountId,
    AccountState,
    BalanceUpdate,
    Execution,
    MarketId,
    Millis,
    Offset,
    OrderCounts,
    OrderUpdate,
    PlaceOrder,
    RequestId,
    RequestRejected,
    RequestRepeated,
    Update,
    partition_of_account,
    updates,
)
from streams.topics import UPDATES, Topic

CATCH_UP_LIMIT_S = 2.0
REFRESH_S = 1.0
RECORDS_MAX = 100_000
"""Updates held back for the database, all partitions together; one takes about 1 KiB."""

COUNTED_MAX = 50_000
"""Accounts whose order counts, and whose standing, are remembered: the last that were told of."""

PENDING_LIMIT_S = 30.0
"""A request whose outcome is out for longer no longer holds up reads: its market is down."""

log = logging.getLogger(__name__)


class _Acknowledged:
    """What this api has acknowledged to one account, and has not seen the consequences of."""

    __slots__ = ("pending", "position")

    def __init__(self) -> None:
        self.position: Position = (-1, -1)
        self.pending: dict[RequestId, float] = {}


class AccountView:
    """Follows every partition of `updates`. `run` has to run for anything to be seen."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        count = settings.account_partitions
        self._outcomes = Outcomes()
        self.outstanding = Outstanding()
        self._unprojected = [Unprojected(RECORDS_MAX // count) for _ in range(count)]
        self._progress = [Progress(partition) for partition in range(count)]
        self._projected = ProjectedOffsets(settings)
        self._ledgers = [f"ledger:{partition}" for partition in range(count)]
        self._seen = [Offset(-1)] * count
        self._book_seqs: dict[MarketId, int] = {}
        self._watermarks: list[dict[str, int]] = [{} for _ in range(count)]
        self._acknowledged: dict[AccountId, _Acknowledged] = {}
        self._states: OrderedDict[AccountId, AccountState] = OrderedDict()
        self._order_counts: OrderedDict[AccountId, tuple[Millis, OrderCounts]] = OrderedDict()
        self._tail: TopicTail | None = None
        self._on_update: list[Callable[[int, Offset, Update], None]] = []
        self.malformed = 0

    @property
    def ready(self) -> bool:
        """Whether all that was in `updates` has been seen, and the broker can be reached."""
        return self._tail is not None and self._tail.ready

    def on_update(self, callback: Callable[[int, Offset, Update], None]) -> None:
        """Have every update told, once and in order, with its partition and offset."""
        self._on_update.append(callback)

    def seen(self, partition: int) -> Offset:
        """The offset of the last record seen of a partition of `updates`."""
        return self._seen[partition]

    async def run(self) -> NoReturn:
        """Follow `updates`, and let go of what the database has, until cancelled."""
        offsets = await self._projected.known()
        self._tail = TopicTail(
            self._settings,
            {UPDATES: lambda partition, first, end: offsets.get(partition, first)},
            self._deliver,
            name="account-view",
        )
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._tail.run())
                group.create_task(self._refresh())
        finally:
            await self._projected.close()
        raise RuntimeError("the tail of updates has ended")

    # -- what requests say and ask ---------------------------------------------------------------

    def acknowledge(self, account: AccountId, placed: Placed, ledger_answers: bool = True) -> None:
        """Note that a client is about to be told, or waits to be told, of a command of its own.

        `ledger_answers` says that the ledger itself makes an update of it; a cancel it only passes
        on.
        """
        known = self._acknowledged.setdefault(account, _Acknowledged())
        if ledger_answers:
            known.position = max(known.position, (placed.offset, placed.index))
        if not self._outcomes.known(placed.request):
            known.pending[placed.request] = time.monotonic()

    def acknowledge_orders(
        self, account: AccountId, orders: Iterable[PlaceOrder], placed: Sequence[Placed]
    ) -> None:
        """As `acknowledge`, of an account's orders that the log took together, in order; until it
        has its outcome, each counts as outstanding.
        """
        known = self._acknowledged.setdefault(account, _Acknowledged())
        known.position = max(known.position, (placed[-1].offset, placed[-1].index))
        now = time.monotonic()
        for order, place in zip(orders, placed, strict=True):
            request = place.request
            if not self._outcomes.known(request):
                known.pending[request] = now
                self.outstanding.add(request, order.market_partition)

    async def outcome(self, request: RequestId) -> list[Update]:
        """What a request made, once all of it is in, in order. Raises -1007 when it isn't soon."""
        return await self._outcomes.wait(request)

    def knows(self, request: RequestId) -> bool:
        """Whether a request's outcome is at hand."""
        return self._outcomes.known(request)

    async def repeated(self, placed: Placed) -> RequestRepeated | RequestRejected | None:
        """Once the ledger has taken an order: its word that the order's key was used before.

        Raises -1007 when it doesn't take it soon.
        """
        await self.heard(placed)
        return self._outcomes.repeated(placed.request)

    async def heard(self, placed: Placed) -> None:
        """Until the ledger's word on an order has come: its hold, or a refusal. Raises -1007."""
        progress = self._progress[placed.partition]
        position = (placed.offset, placed.index)
        try:
            await progress.until(lambda: progress.has_reached(position), OUTCOME_LIMIT_S)
        except TimeoutError as error:
            raise unknown_status() from error

    async def wait_seen(self, partition: int, offset: Offset) -> None:
        """Until all of a partition of `updates` has been seen up to an offset. Raises -1007."""
        try:
            await self._progress[partition].until(
                lambda: self._seen[partition] >= offset, CATCH_UP_LIMIT_S
            )
        except TimeoutError as error:
            raise unknown_status() from error

    async def wait_orders(self, account: AccountId) -> None:
        """Until every request acknowledged to the account has its outcome.

        Raises -1001 when that takes too long.
        """
        known = self._acknowledged.get(account)
        if known is not None:
            _drop_overdue(known)
            await self._until(account, lambda: not known.pending)

    async def wait_balances(self, account: AccountId) -> None:
        """Until the holds and settlements that are known of are in the account's balances.

        Raises -1001 when that takes too long.
        """
        partition = self._partition(account)
        progress, unprojected = self._progress[partition], self._unprojected[partition]
        known = self._acknowledged.get(account)
        position = (-1, -1) if known is None else known.position
        await self._until(
            account,
            lambda: (
                progress.has_reached(position)
                and progress.has_settled(unprojected.settlements(account))
            ),
        )

    def tail(self, account: AccountId) -> AccountTail:
        """What the database may have lacked of an account when it was just now read.

        Raises -1001 when the view is not up to date, or the database too far behind it.
        """
        partition = self._partition(account)
        unprojected = self._unprojected[partition]
        if not self.ready or unprojected.lost > self._projected.forgettable(partition):
            log.warning("a read was refused, the view is not up to date: updates %d", partition)
            raise unavailable()
        return unprojected.account(account)

    async def _until(self, account: AccountId, condition: Callable[[], bool]) -> None:
        try:
            progress = self._progress[self._partition(account)]
            await progress.until(condition, CATCH_UP_LIMIT_S)
        except TimeoutError as error:
            log.warning("a read was refused, requests of account %s have no outcome yet", account)
            raise unavailable() from error

    def _partition(self, account: AccountId) -> int:
        return partition_of_account(account, self._settings.account_partitions)

    def book_seq(self, market: MarketId) -> int:
        """The market's newest event known here that changed its book; 0 for none."""
        return self._book_seqs.get(market, 0)

    def state(self, account: AccountId) -> AccountState | None:
        """How an account stands by its ledger's last word, if that was heard here; what of it
        changes by a command that asks for it is right then, its orders and withdrawals are old.
        """
        return self._states.get(account) if self.ready else None

    def order_counts(self, account: AccountId, now_ms: int) -> OrderCounts:
        """How many unfilled orders the ledger last said that an account had, in the ten seconds
        and in the day that it is now.
        """
        at, counts = self._order_counts.get(account, (Millis(0), OrderCounts(0, 0)))
        if at // DAY_MS != now_ms // DAY_MS:
            return OrderCounts(0, 0)
        if at // TEN_SECONDS_MS != now_ms // TEN_SECONDS_MS:
            return OrderCounts(0, counts.day)
        return counts

    # -- what the log says -----------------------------------------------------------------------

    def _deliver(self, topic: Topic, partition: int, records: Sequence[Record]) -> None:
        watermarks = self._watermarks[partition]
        for record in records:
            try:
                update = updates.decode(record.value)
            except msgspec.DecodeError as error:
                self.malformed += 1
                log.error("malformed: updates %d at %d: %s", partition, record.offset, error)
                continue
            if update.seq <= watermarks.get(update.source, 0):
                continue
            watermarks[update.source] = update.seq
            offset = Offset(record.offset)
            self._apply(partition, offset, update)
            for callback in self._on_update:
                callback(partition, offset, update)
        if records:
            self._seen[partition] = max(self._seen[partition], Offset(records[-1].offset))
        self._progress[partition].wake()

    def _apply(self, partition: int, offset: Offset, update: Update) -> None:
        self._unprojected[partition].apply(offset, update)
        self._progress[partition].apply(update)
        if isinstance(update, OrderUpdate):
            if _changed_book(update):
                known = self._book_seqs.get(update.market, 0)
                self._book_seqs[update.market] = max(known, update.market_seq)
        elif isinstance(update, BalanceUpdate):
            if update.orders is not None:
                self._count_orders(update.account, update.at, update.orders)
        elif isinstance(update, AccountState):
            self._keep_state(update)
        completed = self._outcomes.apply(update)
        if completed is None:
            return
        self.outstanding.answered(completed, by_market=update.source != self._ledgers[partition])
        acknowledged = self._acknowledged.get(update.account)
        if acknowledged is not None:
            acknowledged.pending.pop(completed, None)

    def _keep_state(self, state: AccountState) -> None:
        self._states[state.account] = state
        self._states.move_to_end(state.account)
        if len(self._states) > COUNTED_MAX:
            self._states.popitem(last=False)

    def _count_orders(self, account: AccountId, at: Millis, counts: OrderCounts) -> None:
        self._order_counts[account] = (at, counts)
        self._order_counts.move_to_end(account)
        if len(self._order_counts) > COUNTED_MAX:
            self._order_counts.popitem(last=False)

    async def _refresh(self) -> NoReturn:
        while True:
            await asyncio.sleep(REFRESH_S)
            await self._projected.refresh()
            for partition, unprojected in enumerate(self._unprojected):
                unprojected.forget(self._projected.forgettable(partition))
            self._forget_acknowledged()

    def _forget_acknowledged(self) -> None:
        for account, known in list(self._acknowledged.items()):
            _drop_overdue(known)
            progress = self._progress[self._partition(account)]
            if not known.pending and progress.has_reached(known.position):
                del self._acknowledged[account]


def _changed_book(update: OrderUpdate) -> bool:
    """Whether a level of the book is another since this event."""
    match update.execution:
        case Execution.TRADE | Execution.CANCELED | Execution.REPLACED:
            return True
        case Execution.NEW:
            return update.last
        case Execution.TRADE_PREVENTION:
            return update.is_maker or update.last
        case Execution.EXPIRED | Execution.REJECTED:
            return False
        case _:
            assert_never(update.execution)


def _drop_overdue(known: _Acknowledged) -> None:
    oldest = time.monotonic() - PENDING_LIMIT_S
    for request in [request for request, since in known.pending.items() if since < oldest]:
        del known.pending[request]
