"""What happens to a customer's funds."""

from __future__ import annotations

import pytest

from streams.ledger import LedgerCorrupt
from streams.ledger.ledger import OUTSTANDING_MAX
from streams.messages import (
    ACCOUNT_PARTITIONS_MAX,
    UNITS_MAX,
    AccountCommand,
    AccountOpened,
    Asset,
    BalanceChange,
    BalanceUpdate,
    Place,
    Reason,
    RequestRejected,
    Settle,
    Side,
)
from tests.unit.ledger.log import (
    BTC,
    USDT,
    Log,
    cancel,
    deposit,
    funded,
    open_account,
    place,
    settle,
    the,
    withdraw,
)


def test_an_account_is_opened_once() -> None:
    log = Log()
    opened = the(AccountOpened, log.tell(open_account("ann")))
    refused = the(RequestRejected, log.tell(open_account("ann")))
    assert (opened.account, opened.at) == ("ann", 0)
    assert (refused.account, refused.reason) == ("ann", Reason.ACCOUNT_EXISTS)


def test_a_deposit_is_free_to_use_and_a_withdrawal_leaves() -> None:
    log = funded()
    update = the(BalanceUpdate, log.tell(deposit("ann", USDT, 500)))
    assert update.change is BalanceChange.DEPOSIT
    assert update.balances[0].available == 1_500
    update = the(BalanceUpdate, log.tell(withdraw("ann", USDT, 1_500)))
    assert update.change is BalanceChange.WITHDRAWAL
    assert log.balance("ann", USDT) == (0, 0)
    assert log.machine.ledger.system[USDT].external.units == 0


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (deposit("eve", USDT, 1), Reason.UNKNOWN_ACCOUNT),
        (deposit("ann", USDT, 0), Reason.AMOUNT_OUT_OF_RANGE),
        (deposit("ann", USDT, -1), Reason.AMOUNT_OUT_OF_RANGE),
        (deposit("ann", USDT, UNITS_MAX + 1), Reason.AMOUNT_OUT_OF_RANGE),
        (withdraw("eve", USDT, 1), Reason.UNKNOWN_ACCOUNT),
        (withdraw("ann", USDT, 0), Reason.AMOUNT_OUT_OF_RANGE),
        (withdraw("ann", USDT, -1), Reason.AMOUNT_OUT_OF_RANGE),
        (withdraw("ann", USDT, 1_001), Reason.INSUFFICIENT_BALANCE),
        (withdraw("ann", BTC, 1), Reason.INSUFFICIENT_BALANCE),
        (cancel("ann", 77), Reason.UNKNOWN_ORDER),
    ],
)
def test_what_is_refused_changes_nothing(command: AccountCommand, reason: Reason) -> None:
    log = funded()
    assert the(RequestRejected, log.tell(command)).reason is reason
    assert log.balance("ann", USDT) == (1_000, 0)
    log.machine.ledger.check()


def test_held_funds_cannot_be_withdrawn() -> None:
    log = funded()
    log.order_id(place("ann", hold=900))
    refused = the(RequestRejected, log.tell(withdraw("ann", USDT, 101)))
    assert refused.reason is Reason.INSUFFICIENT_BALANCE
    assert log.balance("ann", USDT) == (100, 900)


def test_no_settlement_can_ever_overflow_as_deposits_are_bounded() -> None:
    assert OUTSTANDING_MAX * ACCOUNT_PARTITIONS_MAX <= UNITS_MAX
    log = funded()
    room = OUTSTANDING_MAX - 1_000
    refused = the(RequestRejected, log.tell(deposit("bob", USDT, room + 1)))
    assert refused.reason is Reason.AMOUNT_OUT_OF_RANGE
    the(BalanceUpdate, log.tell(deposit("bob", USDT, room)))
    the(RequestRejected, log.tell(deposit("bob", USDT, 1)))
    log.tell(withdraw("ann", USDT, 1))
    the(BalanceUpdate, log.tell(deposit("bob", USDT, 1)))


def test_a_trade_moves_money_between_two_accounts_and_earns_a_fee() -> None:
    log = funded()
    buy = log.order_id(place("ann", hold=100))
    sell = log.order_id(place("bob", side=Side.SELL, hold=5))
    log.settled(
        1,
        settle("ann", buy, asset=BTC, paid=90, released=10, received=4, fee=1, done=True),
        settle("bob", sell, asset=USDT, paid=5, received=89, fee=1, done=True),
    )
    assert log.balance("ann", USDT) == (910, 0)
    assert log.balance("ann", BTC) == (4, 0)
    assert log.balance("bob", USDT) == (89, 0)
    assert log.balance("bob", BTC) == (45, 0)
    system = log.machine.ledger.system
    assert (system[USDT].fees.units, system[BTC].fees.units) == (1, 1)
    assert (system[USDT].clearing.units, system[BTC].clearing.units) == (0, 0)


def test_a_settlement_says_every_balance_it_changed_and_its_own_name() -> None:
    log = funded()
    buy = log.order_id(place("ann", hold=100))
    update = the(BalanceUpdate, log.settled(1, settle("ann", buy, paid=40, received=2)))
    assert update.change is BalanceChange.SETTLEMENT
    assert update.settled == ("matching:0", 1)
    assert update.request == 0
    assert [(b.asset, b.available, b.held) for b in update.balances] == [
        (USDT, 900, 60),
        (BTC, 2, 0),
    ]


def test_the_two_sides_of_a_trade_may_be_settled_in_different_partitions() -> None:
    ann, bob = funded(partition=0), funded(partition=1)
    buy = ann.order_id(place("ann", hold=100))
    sell = bob.order_id(place("bob", side=Side.SELL, hold=5))
    ann.settled(1, settle("ann", buy, asset=BTC, paid=100, received=5, done=True))
    clearing = [log.machine.ledger.system[USDT].clearing.units for log in (ann, bob)]
    assert clearing == [100, 0], "in flight"
    bob.settled(1, settle("bob", sell, asset=USDT, paid=5, received=99, fee=1, done=True))
    clearing = [log.machine.ledger.system[USDT].clearing.units for log in (ann, bob)]
    assert clearing == [100, -100]
    ann.machine.ledger.check()
    bob.machine.ledger.check()


def test_a_closed_order_gives_its_rest_back_and_its_client_order_id() -> None:
    log = funded()
    order_id = log.order_id(place("ann", "again", hold=100))
    log.settled(1, settle("ann", order_id, released=100, done=True))
    assert log.balance("ann", USDT) == (1_000, 0)
    the(Place, log.tell(place("ann", "again", hold=100)))


@pytest.mark.parametrize(
    "wrong",
    [
        settle("ann", 77, paid=1),
        settle("eve", 0, paid=1),
        settle("bob", 0, paid=1),
        settle("ann", 0, paid=101),
        settle("ann", 0, paid=100, released=1),
        settle("ann", 0, paid=99, done=True),
        settle("ann", 0, paid=-1),
        settle("ann", 0, paid=1, released=-1),
        settle("ann", 0, paid=1, received=-1),
        settle("ann", 0, paid=1, fee=-1),
        settle("ann", 0, paid=1, received=UNITS_MAX + 1),
    ],
)
def test_a_settlement_that_cannot_be_stops_the_process(wrong: Settle) -> None:
    log = funded()
    order_id = log.order_id(place("ann", hold=100))
    if wrong.order_id == 0:
        wrong = Settle(
            wrong.account,
            order_id,
            wrong.received_asset,
            wrong.paid,
            wrong.received,
            wrong.fee,
            wrong.released,
            wrong.done,
        )
    with pytest.raises(LedgerCorrupt):
        log.settled(1, wrong)


def test_check_finds_money_that_came_from_nowhere_and_holds_of_no_order() -> None:
    log = funded()
    purse = log.machine.ledger.accounts[open_account("ann").account].purses[Asset("USDT")]
    purse.available.units += 1
    with pytest.raises(LedgerCorrupt, match="sum to zero"):
        log.machine.ledger.check()
    purse.available.units -= 11
    purse.held.units += 10
    with pytest.raises(LedgerCorrupt, match="ann"):
        log.machine.ledger.check()
