"""Whatever is sent again under its key, and whenever: it is as if it had been sent once."""

from __future__ import annotations

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.ledger import LedgerPartition
from streams.ledger.requests import KeyedCommand
from streams.messages import RequestId, RequestRepeated, request_id
from tests.unit.ledger.log import (
    BTC,
    MARKET_PARTITIONS,
    USDT,
    Log,
    cancel,
    deposit,
    funded,
    place,
    withdraw,
)

ACCOUNTS = st.sampled_from(("ann", "bob"))
ASSETS = st.sampled_from((BTC, USDT))
AMOUNTS = st.integers(-1, 400)
CLIENT_IDS = st.sampled_from(("a", "b", "c"))

commands: st.SearchStrategy[KeyedCommand] = st.one_of(
    st.builds(deposit, ACCOUNTS, ASSETS, AMOUNTS),
    st.builds(withdraw, ACCOUNTS, ASSETS, AMOUNTS),
    st.builds(place, ACCOUNTS, CLIENT_IDS, hold=AMOUNTS),
    st.builds(cancel, ACCOUNTS, client_order_id=CLIENT_IDS),
)
repeats = st.lists(st.integers(0, 2**16), max_size=3)
"""After a command: which of those sent so far are sent again."""

streams = st.lists(st.tuples(commands, repeats), min_size=1, max_size=30)


def sent(taken: list[tuple[KeyedCommand, list[int]]], *, again: bool) -> Log:
    """A ledger that took these commands, each under its key, with or without their retries."""
    log = funded()
    first: list[tuple[KeyedCommand, RequestId]] = []
    for number, (command, repeated) in enumerate(taken):
        command = msgspec.structs.replace(command, idempotency_key=f"key-{number}")
        first.append((command, request_id(0, len(log.records), 0)))
        log.tell(command)
        for which in repeated if again else ():
            earlier, request = first[which % len(first)]
            (answer,) = log.tell(earlier)
            assert isinstance(answer, RequestRepeated)
            assert answer.first == request
    return log


@settings(max_examples=60, deadline=None)
@given(streams)
def test_retries_change_no_balance_and_no_order(
    taken: list[tuple[KeyedCommand, list[int]]],
) -> None:
    once, often = sent(taken, again=False), sent(taken, again=True)
    often.machine.ledger.check()
    for name, account in once.machine.ledger.accounts.items():
        same = often.machine.ledger.accounts[name]
        assert account.order_ids.keys() == same.order_ids.keys()
        for asset, purse in account.purses.items():
            assert purse.balance == same.purses[asset].balance
    assert len(list(once.machine.requests)) == len(list(often.machine.requests)) == len(taken)


@settings(max_examples=30, deadline=None)
@given(streams, st.integers(0, 100))
def test_a_checkpoint_anywhere_forgets_no_key(
    taken: list[tuple[KeyedCommand, list[int]]], cut: int
) -> None:
    log = sent(taken, again=True)
    cut = min(cut, len(log.records))
    before = Log()
    for _, _, value in log.records[:cut]:
        before.append(value)
    restored = LedgerPartition(0, MARKET_PARTITIONS)
    restored.restore(before.machine.snapshot())
    outputs = [output for record in log.records[cut:] for output in restored.apply(*record)]
    assert before.outputs + outputs == log.outputs
    assert restored.digest() == log.machine.digest()
