"""What became of each request: matched up with whoever waits for it.

A request's name is known only once the log has acknowledged it, and its outcome may come back
before the acknowledgement does. So outcomes of late are kept for those who have yet to ask.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict

from api.errors import unknown_status
from streams.messages import (
    AccountOpened,
    AccountState,
    BalanceChange,
    BalanceUpdate,
    Execution,
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
"""Outcomes kept. An acknowledgement lags behind its outcome by milliseconds at most, so this is
seconds' worth at any rate that one process takes."""


class _Outcome:
    """The updates a request made so far, in order."""

    __slots__ = ("complete", "updates")

    def __init__(self) -> None:
        self.updates: list[Update] = []
        self.complete = False


class Outcomes:
    """The recent outcomes, and those who wait for one."""

    def __init__(self, recent_max: int = RECENT_MAX) -> None:
        self._recent_max = recent_max
        self._recent: OrderedDict[RequestId, _Outcome] = OrderedDict()
        self._waiters: dict[RequestId, asyncio.Future[list[Update]]] = {}

    def apply(self, update: Update) -> RequestId | None:
        """Take an update in. Returns the request whose outcome it completes, if it does."""
        part = part_of_outcome(update)
        if part is None:
            return None
        request, is_last = part
        outcome = self._recent.get(request)
        if outcome is None:
            outcome = self._recent[request] = _Outcome()
            self._forget_old()
        if outcome.complete:
            return None
        outcome.updates.append(update)
        if not is_last:
            return None
        outcome.complete = True
        waiter = self._waiters.pop(request, None)
        if waiter is not None and not waiter.done():
            waiter.set_result(outcome.updates)
        return request

    def known(self, request: RequestId) -> bool:
        """Whether the outcome is in."""
        outcome = self._recent.get(request)
        return outcome is not None and outcome.complete

    def repeated(self, request: RequestId) -> RequestRepeated | RequestRejected | None:
        """The ledger's word that a request's key was used before, if it is among the recent."""
        outcome = self._recent.get(request)
        match outcome and outcome.updates:
            case [RequestRepeated() | RequestRejected(reason=Reason.KEY_REUSED) as word]:
                return word
            case _:
                return None

    async def wait(self, request: RequestId, timeout_s: float) -> list[Update]:
        """The updates a request made, once they are all in. Raises -1007 when they don't come."""
        outcome = self._recent.get(request)
        if outcome is not None and outcome.complete:
            return outcome.updates
        waiter: asyncio.Future[list[Update]] = asyncio.get_running_loop().create_future()
        self._waiters[request] = waiter
        try:
            async with asyncio.timeout(timeout_s):
                return await waiter
        except TimeoutError as error:
            raise unknown_status() from error
        finally:
            self._waiters.pop(request, None)

    def _forget_old(self) -> None:
        while len(self._recent) > self._recent_max:
            request, outcome = self._recent.popitem(last=False)
            if request in self._waiters and not outcome.complete:
                # Somebody waits for the rest of it: it counts as recent again.
                self._recent[request] = outcome
                return


def part_of_outcome(update: Update) -> tuple[RequestId, bool] | None:
    """Which request an update answers, and whether it is the last to; None if it answers none.

    What happens to a resting order later on, by another's request, is no answer to the one that
    placed it; nor is the hold, which only says that the order went on to its market.
    """
    match update:
        case OrderUpdate(execution=Execution.CANCELED | Execution.REPLACED):
            # Of an order that another replaces, the updates of that one follow.
            return update.request, not update.replaced_by
        case OrderUpdate():
            if update.is_maker or int(update.request) != int(update.order_id):
                return None
            return update.request, update.last or not update.status.is_open
        case BalanceUpdate(change=BalanceChange.DEPOSIT | BalanceChange.WITHDRAWAL):
            return update.request, True
        case RequestRejected(order_id=order_id) if order_id:
            return update.request, False
        case AccountOpened() | RequestRejected() | RequestRepeated():
            return update.request, True
        case AccountState() | WithdrawalUpdate():
            return update.request, True
        case BalanceUpdate():
            return None
