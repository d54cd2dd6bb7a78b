"""How an account stands: whether it may trade, what it pays, and what it asked to take out."""

from __future__ import annotations

import msgspec

from streams.messages import (
    AccountFees,
    AccountStatus,
    Millis,
    Reason,
    Withdrawal,
    WithdrawalStatus,
)

PENDING_MAX = 20
DECIDED_MAX = 100
"""Withdrawals remembered of one account; of those decided the oldest are forgotten first, and
with them that their references were used."""

_PENDING = WithdrawalStatus.PENDING
_REFUSALS = {
    AccountStatus.OPEN: Reason.NONE,
    AccountStatus.FROZEN: Reason.ACCOUNT_FROZEN,
    AccountStatus.CLOSED: Reason.ACCOUNT_CLOSED,
}


class Standing:
    """What most accounts have nothing of."""

    __slots__ = ("fees", "reason", "status", "withdrawals")

    def __init__(
        self,
        status: AccountStatus = AccountStatus.OPEN,
        reason: str = "",
        fees: AccountFees | None = None,
    ) -> None:
        self.status = status
        self.reason = reason
        self.fees = fees
        self.withdrawals: dict[str, Withdrawal] = {}
        """By reference, in the order in which they were asked for."""

    @property
    def refusal(self) -> Reason:
        """Why the account may not place orders or take anything out, if it may not."""
        return _REFUSALS[self.status]

    @property
    def pending(self) -> list[Withdrawal]:
        return [each for each in self.withdrawals.values() if each.status is _PENDING]

    def refuses(self, wanted: Withdrawal) -> Reason:
        """Why one more withdrawal can't be, if it can't."""
        if self.status is not AccountStatus.OPEN:
            return self.refusal
        if len(self.pending) >= PENDING_MAX:
            return Reason.TOO_MANY_WITHDRAWALS
        return Reason.NONE

    def add(self, withdrawal: Withdrawal) -> None:
        self.withdrawals[withdrawal.reference] = withdrawal

    def decide(self, withdrawal: Withdrawal, approved: bool, reason: str, at: Millis) -> Withdrawal:
        """A pending withdrawal as it is since; it stays where it was among the others."""
        status = WithdrawalStatus.PAID if approved else WithdrawalStatus.REFUSED
        decided = msgspec.structs.replace(withdrawal, status=status, decided=at, reason=reason)
        self.withdrawals[withdrawal.reference] = decided
        self._forget()
        return decided

    def _forget(self) -> None:
        decided = [each for each in self.withdrawals.values() if each.status is not _PENDING]
        for each in decided[:-DECIDED_MAX]:
            del self.withdrawals[each.reference]


OPEN = Standing()
"""How an account stands of which nothing else is known; never changed."""


def is_same_request(one: Withdrawal, other: Withdrawal) -> bool:
    """Whether both ask for the same."""
    return (one.reference, one.asset, one.amount) == (other.reference, other.asset, other.amount)
