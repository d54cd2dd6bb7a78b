"""What a ledger says: each message numbered among those to its partition, and put out."""

from __future__ import annotations

from collections.abc import Iterable

from streams.ledger.books import Purse
from streams.ledger.standing import Standing
from streams.messages import (
    AccountId,
    AccountOpened,
    AccountState,
    Amend,
    BalanceChange,
    BalanceUpdate,
    Cancel,
    CancelReplace,
    Cause,
    Execution,
    Millis,
    Offset,
    OrderCounts,
    OrderId,
    OrderStatus,
    OrderUpdate,
    Place,
    PlaceOrder,
    Reason,
    RequestId,
    RequestRejected,
    RequestRepeated,
    Sequence,
    Units,
    Update,
    Withdrawal,
    WithdrawalUpdate,
    request_id,
)
from streams.outputs import Output
from streams.topics import ORDERS, UPDATES


class Outbox:
    """Numbers and collects the outputs of one partition, command by command.

    While it `is_silent`, outputs are numbered and not kept; what is dear to make need not be made.
    """

    __slots__ = (
        "_at",
        "_index",
        "_offset",
        "_outputs",
        "_partition",
        "_source",
        "is_silent",
        "last_commands",
        "last_update",
        "request",
    )

    def __init__(self, partition: int, market_partitions: int) -> None:
        self._partition = partition
        self._source = f"ledger:{partition}"
        self.is_silent = False
        self.last_update = 0
        self.last_commands = [0] * market_partitions
        self._outputs: list[Output] = []
        self._offset = self._index = 0
        self._at = Millis(0)
        self.request = RequestId(0)

    def begin(self, offset: int, index: int, at: int) -> None:
        """Attribute what follows to the command at this place."""
        self._offset = offset
        self._index = index
        self._at = Millis(at)
        self.request = request_id(self._partition, offset, index)

    def take(self) -> list[Output]:
        """What was said since the last time."""
        outputs, self._outputs = self._outputs, []
        return outputs

    def forward(self, partition: int, command: Place | Cancel | Amend | CancelReplace) -> None:
        """Pass a command on to its market."""
        self.last_commands[partition] = seq = self.last_commands[partition] + 1
        if self.is_silent:
            return
        self._outputs.append(
            Output(ORDERS, partition, command.market, self._source, Sequence(seq), command)
        )

    def account_opened(self, account: AccountId) -> None:
        self._say(
            AccountOpened(
                source=self._source,
                seq=self._next(),
                at=self._at,
                cause=self._cause,
                account=account,
                request=self.request,
            )
        )

    def balances_changed(
        self,
        account: AccountId,
        change: BalanceChange,
        purses: Iterable[Purse],
        settled: tuple[str, Sequence] | None = None,
        orders: OrderCounts | None = None,
        came_in: int = 0,
    ) -> None:
        """Say how balances stand since a request, or the settlement of that name, changed them.

        Of an order that was counted, with the counts since; of a deposit or withdrawal, with its
        amount.
        """
        seq = self._next()
        if self.is_silent:
            return
        self._say(
            BalanceUpdate(
                source=self._source,
                seq=seq,
                at=self._at,
                cause=self._cause,
                account=account,
                change=change,
                balances=[purse.balance for purse in purses],
                request=self.request if settled is None else RequestId(0),
                settled=settled,
                orders=orders,
                came_in=Units(came_in),
            )
        )

    def account_state(self, account: AccountId, orders: OrderCounts, standing: Standing) -> None:
        self._say(
            AccountState(
                source=self._source,
                seq=self._next(),
                at=self._at,
                cause=self._cause,
                account=account,
                request=self.request,
                orders=orders,
                status=standing.status,
                reason=standing.reason,
                fees=standing.fees,
                withdrawals=list(standing.withdrawals.values()),
            )
        )

    def withdrawal(self, account: AccountId, withdrawal: Withdrawal) -> None:
        self._say(
            WithdrawalUpdate(
                source=self._source,
                seq=self._next(),
                at=self._at,
                cause=self._cause,
                account=account,
                request=self.request,
                withdrawal=withdrawal,
            )
        )

    def request_rejected(self, account: AccountId, reason: Reason) -> None:
        self._say(
            RequestRejected(
                source=self._source,
                seq=self._next(),
                at=self._at,
                cause=self._cause,
                account=account,
                request=self.request,
                reason=reason,
            )
        )

    def request_repeated(self, account: AccountId, first: RequestId, first_at: Millis) -> None:
        """Refer a retry to the request it repeats."""
        self._say(
            RequestRepeated(
                source=self._source,
                seq=self._next(),
                at=self._at,
                cause=self._cause,
                account=account,
                request=self.request,
                first=first,
                first_at=first_at,
            )
        )

    def order_rejected(self, order: PlaceOrder, reason: Reason) -> None:
        """Refuse an order. Price and quantity are left 0: ticks and lots say nothing here."""
        self._say(
            OrderUpdate(
                source=self._source,
                seq=self._next(),
                at=self._at,
                cause=self._cause,
                account=order.account,
                market=order.market,
                request=self.request,
                order_id=OrderId(self.request),
                client_order_id=order.client_order_id,
                execution=Execution.REJECTED,
                status=OrderStatus.REJECTED,
                side=order.side,
                order_type=order.order_type,
                time_in_force=order.time_in_force,
                price=Units(0),
                quantity=Units(0),
                created=self._at,
                reason=reason,
            )
        )

    @property
    def _cause(self) -> Cause:
        return Cause(self._partition, Offset(self._offset), self._index)

    def _next(self) -> Sequence:
        self.last_update += 1
        return Sequence(self.last_update)

    def _say(self, update: Update) -> None:
        if self.is_silent:
            return
        self._outputs.append(
            Output(UPDATES, self._partition, update.account, self._source, update.seq, update)
        )
