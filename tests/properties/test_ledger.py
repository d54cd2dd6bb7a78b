"""Money is conserved, whatever is asked for and however often records are read."""

from __future__ import annotations

import random
from collections import Counter
from typing import NamedTuple

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.ledger import LedgerPartition
from streams.messages import (
    AccountFees,
    AccountId,
    AccountStatus,
    Asset,
    BalanceChange,
    BalanceUpdate,
    DecideWithdrawal,
    Deposit,
    OrderId,
    OrderLimits,
    Place,
    RequestWithdrawal,
    SetAccountStatus,
    SetFees,
    Settle,
    Side,
    Withdraw,
    Withdrawal,
    WithdrawalStatus,
    WithdrawalUpdate,
)
from streams.outputs import MalformedRecord
from tests.unit.ledger.log import (
    BTC,
    MARKET_PARTITIONS,
    USDT,
    Log,
    cancel,
    deposit,
    frame,
    open_account,
    place,
    settle,
    withdraw,
)

ACCOUNTS = ("ann", "bob", "cy", "dan")
ASSETS = (BTC, USDT)
LIMITS = OrderLimits(6, 30)

Administration = SetAccountStatus | SetFees | RequestWithdrawal | DecideWithdrawal


class Resting(NamedTuple):
    """An order as its market knows it: what of its hold is left."""

    partition: int
    account: str
    held: int


class Exchange:
    """Two ledger partitions and a market of the simplest kind, which trades what it is told to.

    What its market settles always adds up: what one side pays, the other receives less a fee.
    """

    def __init__(self) -> None:
        self.logs = (Log(0), Log(1))
        self.resting: dict[Side, dict[OrderId, Resting]] = {Side.BUY: {}, Side.SELL: {}}
        self.edges = [0, 0]
        self.outside: Counter[Asset] = Counter()
        self.settlements: list[tuple[int, bytes]] = []
        self.told: dict[tuple[AccountId, str], Withdrawal] = {}

    def partition_of(self, account: str) -> int:
        return ACCOUNTS.index(account) % 2

    def open(self, account: str) -> None:
        self.logs[self.partition_of(account)].tell(open_account(account))

    def transfer(self, command: Deposit | Withdraw) -> None:
        for message in self.logs[self.partition_of(command.account)].tell(command):
            if isinstance(message, BalanceUpdate):
                inwards = message.change is BalanceChange.DEPOSIT
                self.outside[command.asset] += command.amount if inwards else -command.amount

    def administer(self, command: Administration) -> None:
        """Freeze, close or open, change fees, ask for money out, or decide about that."""
        for message in self.logs[self.partition_of(command.account)].tell(command):
            if isinstance(message, WithdrawalUpdate):
                self.told[command.account, message.withdrawal.reference] = message.withdrawal

    def paid_out(self) -> Counter[Asset]:
        """By clients' own sum of the withdrawals they were told are paid."""
        paid: Counter[Asset] = Counter()
        for withdrawal in self.told.values():
            if withdrawal.status is WithdrawalStatus.PAID:
                paid[withdrawal.asset] += withdrawal.amount
        return paid

    def place(self, account: str, side: Side, hold: int, client_order_id: int) -> None:
        partition = self.partition_of(account)
        order = place(account, f"{client_order_id}", side=side, hold=hold)
        order = msgspec.structs.replace(order, limits=LIMITS)
        for message in self.logs[partition].tell(order):
            if isinstance(message, Place):
                self.resting[side][message.order_id] = Resting(partition, account, hold)

    def cancel(self, account: str, client_order_id: int) -> None:
        log = self.logs[self.partition_of(account)]
        log.tell(cancel(account, client_order_id=f"{client_order_id}"))

    def trade(self, base: int, quote: int) -> None:
        """The oldest buyer pays `quote` for `base` of the oldest seller; both at most all held."""
        if not (self.resting[Side.BUY] and self.resting[Side.SELL]):
            return
        (buy, buyer), *_ = self.resting[Side.BUY].items()
        (sell, seller), *_ = self.resting[Side.SELL].items()
        base, quote = min(base, seller.held), min(quote, buyer.held)
        self._fill(Side.BUY, buy, buyer, BTC, quote, base)
        self._fill(Side.SELL, sell, seller, USDT, base, quote)

    def _fill(
        self, side: Side, order_id: OrderId, order: Resting, asset: Asset, paid: int, received: int
    ) -> None:
        fee = received // 10
        rest = order.held - paid
        command = settle(
            order.account,
            order_id,
            asset=asset,
            paid=paid,
            received=received - fee,
            fee=fee,
            done=not rest,
        )
        if rest:
            self.resting[side][order_id] = order._replace(held=rest)
        else:
            del self.resting[side][order_id]
        self._settle(order.partition, command)

    def close(self, side: Side) -> None:
        """The market closes the oldest order of a side; its rest is released."""
        if self.resting[side]:
            order_id = next(iter(self.resting[side]))
            order = self.resting[side].pop(order_id)
            self._settle(
                order.partition, settle(order.account, order_id, released=order.held, done=True)
            )

    def _settle(self, partition: int, command: Settle) -> None:
        self.edges[partition] += 1
        value = frame(command, source="matching:0", first_seq=self.edges[partition])
        self.settlements.append((partition, value))
        self.logs[partition].append(value)

    def repeat(self, which: int) -> None:
        """A market that recovered sends a settlement again."""
        if self.settlements:
            partition, value = self.settlements[which % len(self.settlements)]
            assert self.logs[partition].append(value) == []

    def check(self) -> None:
        """The laws, from the customers' side and by tallies of the test's own."""
        inside: Counter[Asset] = Counter()
        clearing: Counter[Asset] = Counter()
        for log in self.logs:
            ledger = log.machine.ledger
            ledger.check()
            for asset, system in ledger.system.items():
                inside[asset] += system.fees.units
                clearing[asset] += system.clearing.units
            for account in ledger.accounts.values():
                for purse in account.purses.values():
                    assert min(purse.balance.available, purse.balance.held) >= 0
                    inside[purse.asset] += purse.balance.available + purse.balance.held
        left = Counter(self.outside)
        left.subtract(self.paid_out())
        assert +inside == +left, "customers' funds and fees are deposits less withdrawals"
        assert not any(clearing.values()), "nothing is in flight once both sides are settled"


accounts = st.sampled_from(ACCOUNTS)
assets = st.sampled_from(ASSETS)
amounts = st.integers(-5, 200)
holds = st.integers(-1, 60)
sides = st.sampled_from(Side)
client_order_ids = st.integers(0, 5)
references = st.sampled_from(("out-1", "out-2", "out-3"))
administration = st.one_of(
    st.builds(SetAccountStatus, accounts, st.sampled_from(AccountStatus), st.just("why")),
    st.builds(SetFees, accounts, st.sampled_from((None, AccountFees(1, 2)))),
    st.builds(RequestWithdrawal, accounts, assets, amounts, references),
    st.builds(RequestWithdrawal, accounts, assets, amounts, references),
    st.builds(DecideWithdrawal, accounts, references, st.booleans(), st.just("")),
)
steps = st.one_of(
    st.tuples(st.just("open"), accounts),
    st.tuples(st.just("transfer"), st.builds(deposit, accounts, assets, amounts)),
    st.tuples(st.just("transfer"), st.builds(withdraw, accounts, assets, amounts)),
    st.tuples(st.just("place"), accounts, st.just(Side.BUY), holds, client_order_ids),
    st.tuples(st.just("place"), accounts, st.just(Side.SELL), holds, client_order_ids),
    st.tuples(st.just("cancel"), accounts, client_order_ids),
    st.tuples(st.just("trade"), st.integers(1, 50), st.integers(1, 50)),
    st.tuples(st.just("trade"), st.integers(10, 50), st.integers(10, 50)),
    st.tuples(st.just("close"), sides),
    st.tuples(st.just("administer"), administration),
    st.tuples(st.just("repeat"), st.integers(0, 20)),
)
# Long enough for orders to meet: left alone, Hypothesis prefers lists of a few steps.
streams = st.lists(steps, min_size=25, max_size=60)


def driven(taken: list[tuple[object, ...]], *, checked: bool = False) -> Exchange:
    """An exchange where everyone has an account and some funds, after these steps."""
    exchange = Exchange()
    for account in ACCOUNTS[:-1]:
        exchange.open(account)
        for asset in ASSETS:
            exchange.transfer(deposit(account, asset, 200))
    for name, *arguments in taken:
        getattr(exchange, str(name))(*arguments)
        if checked:
            exchange.check()
    return exchange


@settings(max_examples=80, deadline=None)
@given(streams)
def test_money_is_conserved_at_every_step(taken: list[tuple[object, ...]]) -> None:
    driven(taken, checked=True)


@settings(max_examples=40, deadline=None)
@given(streams, st.randoms(use_true_random=False))
def test_a_replay_from_the_start_or_any_checkpoint_is_the_same(
    taken: list[tuple[object, ...]], choice: random.Random
) -> None:
    for log in driven(taken).logs:
        again = log.replayed()
        assert again.outputs == log.outputs
        assert again.machine.digest() == log.machine.digest()

        cut = choice.randint(0, len(log.records))
        before = Log(log.machine.partition)
        for _, _, value in log.records[:cut]:
            before.append(value)
        restored = LedgerPartition(log.machine.partition, MARKET_PARTITIONS)
        restored.restore(before.machine.snapshot())
        silent = LedgerPartition(log.machine.partition, MARKET_PARTITIONS)
        for record in log.records[:cut]:
            silent.retake(*record)
        for machine in (restored, silent):
            outputs = [o for record in log.records[cut:] for o in machine.apply(*record)]
            assert before.outputs + outputs == log.outputs
            assert machine.digest() == log.machine.digest()


@settings(max_examples=40, deadline=None)
@given(streams, st.binary(max_size=40), st.integers(0, 60))
def test_no_bytes_break_a_ledger(taken: list[tuple[object, ...]], noise: bytes, cut: int) -> None:
    log = driven(taken).logs[0]
    for value in (noise, frame(deposit("ann", BTC, 5))[:cut] + noise):
        try:
            log.append(value)
        except MalformedRecord:
            continue
    log.machine.ledger.check()
