"""What became of each request: matched up with whoever waits for it.

A request's name is known only once the log has acknowledged it, and its outcome may come back
before the acknowledgement does. So outcomes of late are kept for those who have yet to ask.
"""

from __future__ import annotations

import asyncio

from api.accounts.deadlines import Deadlines
from api.errors import unknown_status
from streams.messages import (
    AccountOpened,
    AccountState,
    BalanceChange,
    BalanceUpdate,
    Execution,
    OrderStatus,
    OrderUpdate,
    Reason,
    RequestId,
    RequestRejected,
    RequestRepeated,
    Update,
    WithdrawalUpdate,
)

OUTCOME_LIMIT_S = 8.0
RECENT_MAX = 16_384
"""Outcomes kept, at most; at least half as many. An acknowledgement lags behind its outcome by
milliseconds at most, so this is about a second's worth at any rate that one process takes."""

Part = list[Update]
Whole = tuple[Update, ...]
"""The updates that a request made, in order: those so far, and all of them."""

_CANCELED = Execution.CANCELED
_REPLACED = Execution.REPLACED
_OPEN = (OrderStatus.NEW, OrderStatus.PARTIALLY_FILLED)


class Outcomes:
    """The recent outcomes, and those who wait for one.

    Who forgets one at a time looks for the oldest each time. Here half of them goes at once: those
    that were there when as many had come since.
    """

    def __init__(self, recent_max: int = RECENT_MAX, limit_s: float = OUTCOME_LIMIT_S) -> None:
        self._deadlines: Deadlines[list[Update]] = Deadlines(limit_s, unknown_status)
        self._recent_max = max(1, recent_max // 2)
        self._recent: dict[RequestId, Part | Whole] = {}
        self._older: dict[RequestId, Part | Whole] = {}
        self._waiters: dict[RequestId, asyncio.Future[list[Update]]] = {}

    def apply(self, update: Update) -> RequestId | None:
        """Take an update in. Returns the request whose outcome it completes, if it does."""
        part = part_of_outcome(update)
        if part is None:
            return None
        request, is_last = part
        told = self._told(request)
        if isinstance(told, tuple):
            return None
        if not is_last:
            if told is None:
                self._keep(request, [update])
            else:
                told.append(update)
            return None
        whole = (update,) if told is None else (*told, update)
        self._keep(request, whole)
        waiter = self._waiters.pop(request, None)
        if waiter is not None and not waiter.done():
            waiter.set_result(list(whole))
        return request

    def known(self, request: RequestId) -> bool:
        """Whether the outcome is in."""
        return isinstance(self._told(request), tuple)

    def repeated(self, request: RequestId) -> RequestRepeated | RequestRejected | None:
        """The ledger's word that a request's key was used before, if it is among the recent."""
        match self._told(request):
            case [RequestRepeated() | RequestRejected(reason=Reason.KEY_REUSED) as word]:
                return word
            case _:
                return None

    async def wait(self, request: RequestId) -> list[Update]:
        """The updates a request made, once they are all in. Raises -1007 when they don't come."""
        told = self._told(request)
        if isinstance(told, tuple):
            return list(told)
        waiter = self._waiters[request] = self._deadlines.future()
        try:
            return await waiter
        finally:
            self._waiters.pop(request, None)

    def _told(self, request: RequestId) -> Part | Whole | None:
        return self._recent.get(request) or self._older.get(request)

    def _keep(self, request: RequestId, told: Part | Whole) -> None:
        self._recent[request] = told
        if len(self._recent) < self._recent_max:
            return
        # Where somebody waits for the rest of an outcome, it counts as recent again.
        waited = {
            request: self._older[request] for request in self._waiters if request in self._older
        }
        self._older, self._recent = self._recent, waited


def part_of_outcome(update: Update) -> tuple[RequestId, bool] | None:
    """Which request an update answers, and whether it is the last to; None if it answers none.

    What happens to a resting order later on, by another's request, is no answer to the one that
    placed it; nor is the hold, which only says that the order went on to its market.
    """
    if isinstance(update, OrderUpdate):
        execution = update.execution
        if execution is _CANCELED or execution is _REPLACED:
            # Of an order that another replaces, the updates of that one follow.
            return update.request, not update.replaced_by
        if update.is_maker or int(update.request) != int(update.order_id):
            return None
        return update.request, update.last or update.status not in _OPEN
    match update:
        case BalanceUpdate(change=BalanceChange.DEPOSIT | BalanceChange.WITHDRAWAL):
            return update.request, True
        case BalanceUpdate():
            return None
        case RequestRejected(order_id=order_id) if order_id:
            return update.request, False
        case AccountOpened() | RequestRejected() | RequestRepeated():
            return update.request, True
        case AccountState() | WithdrawalUpdate():
            return update.request, True
