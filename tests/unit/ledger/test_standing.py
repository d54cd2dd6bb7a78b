"""Accounts that are frozen or closed, that pay fees of their own, and what they take out."""

from __future__ import annotations

import pytest

from streams.ledger.standing import DECIDED_MAX, PENDING_MAX
from streams.messages import (
    AccountFees,
    AccountId,
    AccountState,
    AccountStatus,
    Asset,
    BalanceChange,
    BalanceUpdate,
    Cancel,
    DecideWithdrawal,
    DescribeAccount,
    OrderUpdate,
    Place,
    Reason,
    RequestRejected,
    RequestWithdrawal,
    SetAccountStatus,
    SetFees,
    Units,
    WithdrawalStatus,
    WithdrawalUpdate,
)
from tests.unit.ledger.log import (
    USDT,
    Log,
    cancel,
    deposit,
    frame,
    funded,
    open_account,
    place,
    the,
    withdraw,
)

ANN = AccountId("ann")
FROZEN, CLOSED, OPEN = AccountStatus.FROZEN, AccountStatus.CLOSED, AccountStatus.OPEN


@pytest.fixture
def log() -> Log:
    """Ann has 1000 USDT units, Bob 50 BTC units."""
    return funded()


def take_out(amount: int, reference: str = "out-1", asset: str = USDT) -> RequestWithdrawal:
    return RequestWithdrawal(ANN, Asset(asset), Units(amount), reference)


def decide(approved: bool, reference: str = "out-1") -> DecideWithdrawal:
    return DecideWithdrawal(ANN, reference, approved, "as agreed")


def state(log: Log) -> AccountState:
    return the(AccountState, log.tell(DescribeAccount(ANN)))


def set_status(log: Log, status: AccountStatus, account: str = "ann") -> list[object]:
    return log.tell(SetAccountStatus(AccountId(account), status, "case 7"))


def reason_of(said: list[object]) -> Reason:
    return the(RequestRejected, said).reason


def test_a_frozen_account_cancels_and_gets_money_but_places_and_takes_out_nothing(
    log: Log,
) -> None:
    order_id = log.order_id(place("ann", hold=100))
    told = the(AccountState, set_status(log, FROZEN))
    assert (told.status, told.reason) == (FROZEN, "case 7")
    assert the(OrderUpdate, log.tell(place("ann", "b"))).reason is Reason.ACCOUNT_FROZEN
    assert reason_of(log.tell(withdraw("ann", USDT, 1))) is Reason.ACCOUNT_FROZEN
    assert reason_of(log.tell(take_out(1))) is Reason.ACCOUNT_FROZEN
    the(Cancel, log.tell(cancel("ann", order_id)))
    the(BalanceUpdate, log.tell(deposit("ann", USDT, 5)))
    set_status(log, OPEN)
    the(Place, log.tell(place("ann", "b")))


def test_an_account_is_closed_only_when_empty_and_for_good(log: Log) -> None:
    assert reason_of(set_status(log, CLOSED)) is Reason.ACCOUNT_NOT_EMPTY
    log.tell(withdraw("ann", USDT, 1_000))
    assert the(AccountState, set_status(log, CLOSED)).status is CLOSED
    assert reason_of(set_status(log, OPEN)) is Reason.ACCOUNT_CLOSED
    assert reason_of(log.tell(deposit("ann", USDT, 5))) is Reason.ACCOUNT_CLOSED
    assert the(OrderUpdate, log.tell(place("ann"))).reason is Reason.ACCOUNT_CLOSED
    assert reason_of(log.tell(open_account("ann"))) is Reason.ACCOUNT_EXISTS


def test_what_is_not_there_is_neither_frozen_nor_given_fees(log: Log) -> None:
    assert reason_of(set_status(log, FROZEN, "eve")) is Reason.UNKNOWN_ACCOUNT
    eve = AccountId("eve")
    for command in (SetFees(eve, None), RequestWithdrawal(eve, Asset(USDT), Units(1), "a")):
        assert reason_of(log.tell(command)) is Reason.UNKNOWN_ACCOUNT
    assert reason_of(log.tell(decide(True))) is Reason.UNKNOWN_WITHDRAWAL


def test_orders_bear_their_accounts_fees_from_then_on(log: Log) -> None:
    assert the(Place, log.tell(place("ann", "a", hold=1))).fees is None
    assert the(AccountState, log.tell(SetFees(ANN, AccountFees(1, 5)))).fees == AccountFees(1, 5)
    assert the(Place, log.tell(place("ann", "b", hold=1))).fees == AccountFees(1, 5)
    log.tell(SetFees(ANN, None))
    assert the(Place, log.tell(place("ann", "c", hold=1))).fees is None


@pytest.mark.parametrize("fees", [AccountFees(-1, 0), AccountFees(0, 10_000)])
def test_fees_that_can_be_none_are_refused(log: Log, fees: AccountFees) -> None:
    assert reason_of(log.tell(SetFees(ANN, fees))) is Reason.AMOUNT_OUT_OF_RANGE


@pytest.mark.parametrize(
    ("approved", "status", "change", "available"),
    [
        (True, WithdrawalStatus.PAID, BalanceChange.PAYOUT, 600),
        (False, WithdrawalStatus.REFUSED, BalanceChange.RELEASE, 1_000),
    ],
)
def test_a_withdrawal_is_held_until_it_is_paid_out_or_released(
    log: Log,
    approved: bool,
    status: WithdrawalStatus,
    change: BalanceChange,
    available: int,
) -> None:
    held = log.tell(take_out(400))
    assert the(BalanceUpdate, held).change is BalanceChange.HOLD
    assert the(WithdrawalUpdate, held).withdrawal.status is WithdrawalStatus.PENDING
    assert log.balance("ann", USDT) == (600, 400)
    log.machine.ledger.check()
    said = log.tell(decide(approved))
    update = the(BalanceUpdate, said)
    assert (update.change, update.came_in) == (change, -400 if approved else 0)
    decided = the(WithdrawalUpdate, said).withdrawal
    assert (decided.status, decided.reason) == (status, "as agreed")
    assert decided.decided > decided.requested
    assert log.balance("ann", USDT) == (available, 0)
    log.machine.ledger.check()


def test_a_withdrawal_asked_for_or_decided_again_changes_nothing(log: Log) -> None:
    first = the(WithdrawalUpdate, log.tell(take_out(400))).withdrawal
    (again,) = log.tell(take_out(400))
    assert the(WithdrawalUpdate, [again]).withdrawal == first
    assert reason_of(log.tell(take_out(401))) is Reason.REFERENCE_REUSED
    paid = the(WithdrawalUpdate, log.tell(decide(True))).withdrawal
    for repeated in (decide(True), take_out(400)):
        (again,) = log.tell(repeated)
        assert the(WithdrawalUpdate, [again]).withdrawal == paid
    assert reason_of(log.tell(decide(False))) is Reason.WITHDRAWAL_DECIDED
    assert log.balance("ann", USDT) == (600, 0)


@pytest.mark.parametrize("amount", [0, -1, 2**63])
def test_a_withdrawal_of_no_possible_amount_is_refused(log: Log, amount: int) -> None:
    assert reason_of(log.tell(take_out(amount))) is Reason.AMOUNT_OUT_OF_RANGE


def test_nobody_takes_out_what_is_not_free(log: Log) -> None:
    log.order_id(place("ann", hold=700))
    assert reason_of(log.tell(take_out(301))) is Reason.INSUFFICIENT_BALANCE
    assert reason_of(log.tell(take_out(1, asset="ETH"))) is Reason.INSUFFICIENT_BALANCE


def test_a_frozen_account_can_have_its_withdrawal_decided_and_then_be_closed(log: Log) -> None:
    log.tell(take_out(1_000))
    set_status(log, FROZEN)
    assert reason_of(set_status(log, CLOSED)) is Reason.ACCOUNT_NOT_EMPTY
    log.tell(decide(True))
    assert the(AccountState, set_status(log, CLOSED)).status is CLOSED


def test_so_many_are_pending_and_so_many_are_remembered(log: Log) -> None:
    for number in range(PENDING_MAX):
        the(WithdrawalUpdate, log.tell(take_out(1, f"p-{number}")))
    assert reason_of(log.tell(take_out(1, "more"))) is Reason.TOO_MANY_WITHDRAWALS
    log.tell(decide(False, "p-0"))
    for number in range(DECIDED_MAX + 5):
        log.tell(take_out(1, f"d-{number}"), decide(False, f"d-{number}"))
    known = state(log).withdrawals
    pending = [each for each in known if each.status is WithdrawalStatus.PENDING]
    assert (len(pending), len(known)) == (PENDING_MAX - 1, PENDING_MAX - 1 + DECIDED_MAX)


def test_a_snapshot_has_all_of_it(log: Log) -> None:
    log.tell(SetFees(ANN, AccountFees(1, 5)))
    log.tell(take_out(400, "b"), take_out(100, "a"), decide(True, "a"))
    set_status(log, FROZEN)
    again = Log()
    again.machine.restore(list(log.machine.snapshot()))
    assert again.machine.digest() == log.machine.digest()
    value = frame(decide(True, "b"), DescribeAccount(ANN))
    at = log.records[-1][1]
    said = [machine.apply(len(log.records), at, value) for machine in (log.machine, again.machine)]
    assert said[0] == said[1]
    assert again.machine.digest() == log.machine.digest()
