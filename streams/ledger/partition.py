"""The ledger of one partition of `commands`: records in, outputs out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import assert_never

from streams.ledger import snapshot
from streams.ledger.inbox import Inbox
from streams.ledger.ledger import NO_ORDER, Ledger
from streams.ledger.order_counts import UnfilledOrders
from streams.ledger.outbox import Outbox
from streams.ledger.requests import KEYED, KeyedCommand, Remembered, Requests, digest_of
from streams.messages import (
    AccountId,
    Amend,
    AmendOrder,
    Asset,
    BalanceChange,
    Cancel,
    CancelOrder,
    CancelReplace,
    CancelReplaceOrder,
    DecideWithdrawal,
    Deposit,
    DescribeAccount,
    FindRequest,
    Millis,
    MoveHold,
    OpenAccount,
    OrderCounts,
    OrderId,
    Place,
    PlaceOrder,
    Reason,
    ReleaseName,
    RequestWithdrawal,
    Sequence,
    SetAccountStatus,
    SetFees,
    Settle,
    Units,
    Withdraw,
    Withdrawal,
    WithdrawalStatus,
)
from streams.outputs import Output, state_digest

Unkeyed = (
    OpenAccount
    | FindRequest
    | DescribeAccount
    | SetAccountStatus
    | SetFees
    | RequestWithdrawal
    | DecideWithdrawal
)
"""What may be sent twice without harm."""


class LedgerPartition:
    """A `Processor` over one partition of `commands`, for a venue with so many market partitions.

    It names itself `ledger:<partition>`. Raises `LedgerCorrupt` on a settlement that can't be:
    the process must stop then.
    """

    def __init__(self, partition: int, market_partitions: int) -> None:
        self.partition = partition
        self.market_partitions = market_partitions
        self.ledger = Ledger()
        self.inbox = Inbox(market_partitions)
        self.outbox = Outbox(partition, market_partitions)
        self.requests = Requests()
        self.unfilled = UnfilledOrders()
        self.position = -1
        self.time = 0

    def apply(self, offset: int, at: int, value: bytes) -> list[Output]:
        """Take the record at `offset`; one at or below the last taken was taken before."""
        if offset <= self.position:
            return []
        self.position = offset
        frame, first = self.inbox.open(value)
        # Leadership of a partition can move to a broker whose clock is behind.
        if at > self.time:
            self.time = at
            self.requests.forget(at)
            self.unfilled.turn(at)
        commands = frame.commands
        for index in range(first, len(commands)):
            command = commands[index]
            self.outbox.begin(offset, index, self.time)
            if isinstance(command, Settle):
                self._settle(command, (frame.source, Sequence(frame.first_seq + index)))
            elif isinstance(command, KEYED):
                if not self._is_retry(command):
                    self._take(command)
            elif isinstance(command, ReleaseName):
                self.ledger.release_name(command)
            elif isinstance(command, MoveHold):
                self.ledger.move_hold(command)
            else:
                self._take(command)
        return self.outbox.take()

    def retake(self, offset: int, at: int, value: bytes) -> None:
        """Take a record as `apply` does, where all that follows from it is said."""
        self.outbox.is_silent = True
        try:
            self.apply(offset, at, value)
        finally:
            self.outbox.is_silent = False

    def _is_retry(self, command: KeyedCommand) -> bool:
        """Whether a command's key was used before; it is answered then. Else it is from now on."""
        account, key = command.account, command.idempotency_key
        # An account that does not exist must not take up memory.
        if not key or account not in self.ledger.accounts:
            return False
        digest = digest_of(command)
        first = self.requests.find(account, key)
        if first is None:
            request, at = self.outbox.request, Millis(self.time)
            self.requests.add(Remembered(account, key, request, at, digest))
            return False
        if first.digest == digest:
            self.outbox.request_repeated(account, first.request, first.at)
        else:
            self.outbox.request_rejected(account, Reason.KEY_REUSED)
        return True

    def _take(self, command: KeyedCommand | Unkeyed) -> None:
        match command:
            case PlaceOrder():
                self._place(command)
            case CancelOrder():
                self._cancel(command)
            case AmendOrder():
                self._amend(command)
            case CancelReplaceOrder():
                self._cancel_replace(command)
            case Deposit(account=account, asset=asset, amount=amount):
                reason = self.ledger.deposit(account, asset, amount)
                self._answer(account, asset, BalanceChange.DEPOSIT, reason, amount)
            case Withdraw(account=account, asset=asset, amount=amount):
                reason = self.ledger.withdraw(account, asset, amount)
                self._answer(account, asset, BalanceChange.WITHDRAWAL, reason, -amount)
            case OpenAccount(account=account):
                reason = self.ledger.open_account(account)
                if reason is Reason.NONE:
                    self.outbox.account_opened(account)
                else:
                    self.outbox.request_rejected(account, reason)
            case FindRequest():
                self._find(command)
            case DescribeAccount(account=account):
                known = account in self.ledger.accounts
                self._describe(account, Reason.NONE if known else Reason.UNKNOWN_ACCOUNT)
            case SetAccountStatus(account=account, status=status, reason=why):
                self._describe(account, self.ledger.set_status(account, status, why))
            case SetFees(account=account, fees=fees):
                self._describe(account, self.ledger.set_fees(account, fees))
            case RequestWithdrawal():
                self._request_withdrawal(command)
            case DecideWithdrawal():
                self._decide_withdrawal(command)
            case _:
                assert_never(command)

    def _describe(self, account: AccountId, refusal: Reason) -> None:
        """Tell how an account stands, unless what was asked of it was refused."""
        if refusal is Reason.NONE:
            standing = self.ledger.accounts[account].standing
            self.outbox.account_state(account, self.unfilled.of(account), standing)
        else:
            self.outbox.request_rejected(account, refusal)

    def _request_withdrawal(self, asked: RequestWithdrawal) -> None:
        at = Millis(self.time)
        status = WithdrawalStatus.PENDING
        wanted = Withdrawal(asked.reference, asked.asset, asked.amount, at, status)
        found = self.ledger.request_withdrawal(asked.account, wanted)
        self._tell_withdrawal(asked.account, found, BalanceChange.HOLD, changed=found is wanted)

    def _decide_withdrawal(self, asked: DecideWithdrawal) -> None:
        account, approved = asked.account, asked.approved
        known = self.ledger.withdrawal(account, asked.reference)
        found = self.ledger.decide_withdrawal(
            account, asked.reference, approved, asked.reason, Millis(self.time)
        )
        change = BalanceChange.PAYOUT if approved else BalanceChange.RELEASE
        self._tell_withdrawal(account, found, change, changed=found is not known)

    def _tell_withdrawal(
        self,
        account: AccountId,
        found: Withdrawal | Reason,
        change: BalanceChange,
        *,
        changed: bool,
    ) -> None:
        if isinstance(found, Reason):
            self.outbox.request_rejected(account, found)
            return
        if changed:
            came_in = -found.amount if change is BalanceChange.PAYOUT else 0
            self._say_balance(account, found.asset, change, came_in=came_in)
        self.outbox.withdrawal(account, found)

    def _find(self, asked: FindRequest) -> None:
        found = self.requests.find(asked.account, asked.idempotency_key)
        if found is None:
            self.outbox.request_rejected(asked.account, Reason.UNKNOWN_KEY)
        else:
            self.outbox.request_repeated(asked.account, found.request, found.at)

    def _place(self, order: PlaceOrder) -> None:
        reason = self._open(order)
        if reason is not Reason.NONE:
            self.outbox.order_rejected(order, reason)
        else:
            self.outbox.forward(order.market_partition, self._placed(order))

    def _open(self, order: PlaceOrder, replaces: OrderId = NO_ORDER) -> Reason:
        """Count an order, hold its funds and say so, or why not."""
        order_id = OrderId(self.outbox.request)
        if not 0 <= order.market_partition < self.market_partitions:
            return Reason.UNKNOWN_MARKET
        reason = self.unfilled.refuses(order) or self.ledger.place(order_id, order, replaces)
        if reason is not Reason.NONE:
            return reason
        counts = None
        if order.limits is not None:
            counts = self.unfilled.add(order.account, order_id)
        self._say_balance(order.account, order.hold_asset, BalanceChange.HOLD, counts)
        return Reason.NONE

    def _placed(self, order: PlaceOrder) -> Place:
        """The order as its market is told of it."""
        account = self.ledger.accounts.get(order.account)
        return Place(
            OrderId(self.outbox.request),
            order.account,
            order.market,
            order.client_order_id,
            order.side,
            order.order_type,
            order.time_in_force,
            order.price,
            order.quantity,
            order.budget,
            order.hold,
            order.self_trade_prevention,
            account.standing.fees if account is not None else None,
        )

    def _cancel_replace(self, asked: CancelReplaceOrder) -> None:
        """Let the market do both, and say what became of both: nothing comes between the two."""
        order, found = asked.order, self.ledger.open_order(asked.cancel)
        if found is None and asked.stop_on_failure:
            self.outbox.request_rejected(asked.account, Reason.UNKNOWN_ORDER)
            return
        old_id, old = found if found is not None else (NO_ORDER, None)
        reason = self._open(order, old_id)
        limited = reason in (Reason.TOO_MANY_ORDERS, Reason.TOO_MANY_ORDERS_TODAY)
        nowhere = reason in (Reason.UNKNOWN_ACCOUNT, Reason.UNKNOWN_MARKET)
        if nowhere or (limited and not asked.cancel_when_limited):
            self.outbox.request_rejected(asked.account, reason)
            return
        partition = order.market_partition if old is None else old.market_partition
        place = self._placed(order)
        lacking = 0
        if reason is Reason.NONE:
            lacking = order.hold - self.ledger.accounts[order.account].orders[place.order_id].held
        self.outbox.forward(
            partition,
            CancelReplace(
                old_id,
                asked.cancel.restriction,
                asked.stop_on_failure,
                Units(lacking),
                reason,
                place,
            ),
        )

    def _cancel(self, cancel: CancelOrder) -> None:
        found = self.ledger.open_order(cancel)
        if found is None:
            self.outbox.request_rejected(cancel.account, Reason.UNKNOWN_ORDER)
            return
        order_id, order = found
        # The order's own partition, not the request's: a cancel must arrive after its order.
        self.outbox.forward(
            order.market_partition,
            Cancel(self.outbox.request, order_id, cancel.account, order.market, cancel.restriction),
        )

    def _amend(self, amend: AmendOrder) -> None:
        found = self.ledger.amend(amend)
        if isinstance(found, Reason):
            self.outbox.request_rejected(amend.account, found)
            return
        order_id, order = found
        self.outbox.forward(
            order.market_partition,
            Amend(
                self.outbox.request,
                order_id,
                amend.account,
                order.market,
                amend.new_client_order_id,
                amend.quantity,
            ),
        )

    def _settle(self, settle: Settle, name: tuple[str, Sequence]) -> None:
        purses = self.ledger.settle(settle)
        if settle.order_id in self.unfilled.orders:
            self._count_fill(settle)
        self.outbox.balances_changed(settle.account, BalanceChange.SETTLEMENT, purses, name)

    def _count_fill(self, settle: Settle) -> None:
        if settle.paid:
            self.unfilled.filled(settle.account, settle.order_id)
        elif settle.done:
            self.unfilled.orders.discard(settle.order_id)

    def _answer(
        self,
        account: AccountId,
        asset: Asset,
        change: BalanceChange,
        reason: Reason,
        came_in: int,
    ) -> None:
        if reason is Reason.NONE:
            self._say_balance(account, asset, change, came_in=came_in)
        else:
            self.outbox.request_rejected(account, reason)

    def _say_balance(
        self,
        account: AccountId,
        asset: Asset,
        change: BalanceChange,
        orders: OrderCounts | None = None,
        came_in: int = 0,
    ) -> None:
        purse = self.ledger.accounts[account].purses[asset]
        self.outbox.balances_changed(account, change, (purse,), orders=orders, came_in=came_in)

    def begin_epoch(self, first: int, last_update: int) -> None:
        """Go on in a new log, whose first offset is `first`; updates are numbered after these.

        What was passed on to markets and taken from them is counted as before.
        """
        self.position = first - 1
        self.outbox.last_update = last_update

    def snapshot(self) -> Iterator[bytes]:
        """The state in chunks; take them all before the next `apply`."""
        return snapshot.write(self)

    def restore(self, chunks: Iterable[bytes]) -> None:
        """Become the state that `snapshot` gave. Raises `SnapshotMismatch` or `LedgerCorrupt`."""
        snapshot.read(self, chunks)

    def digest(self) -> str:
        """A hash of the state and its position."""
        return state_digest(self.snapshot())
