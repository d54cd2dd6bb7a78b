"""A request with an idempotency key is done once, however often it is sent."""

from __future__ import annotations

import msgspec
import pytest

from streams.ledger import LedgerPartition, requests
from streams.ledger.requests import REMEMBERED_MS, KeyedCommand
from streams.messages import (
    AccountId,
    FindRequest,
    OrderStatus,
    OrderType,
    OrderUpdate,
    Place,
    Reason,
    RequestRejected,
    RequestRepeated,
    Ticks,
    Units,
    request_id,
)
from streams.outputs import MalformedRecord
from tests.unit.ledger.log import (
    BTC,
    MARKET_PARTITIONS,
    USDT,
    cancel,
    deposit,
    frame,
    funded,
    place,
    the,
    withdraw,
)


def keyed(command: KeyedCommand, key: str = "key-1") -> KeyedCommand:
    return msgspec.structs.replace(command, idempotency_key=key)


ORDER = keyed(place("ann", hold=100))


@pytest.mark.parametrize(
    "command",
    [
        place("ann", hold=100),
        place("ann", hold=5_000),
        cancel("ann", client_order_id="resting"),
        cancel("ann", client_order_id="unknown"),
        deposit("ann", USDT, 7),
        deposit("ann", USDT, -7),
        withdraw("ann", USDT, 7),
        withdraw("ann", BTC, 7),
    ],
    ids=str,
)
def test_a_retry_does_nothing_and_refers_to_its_first_request(command: KeyedCommand) -> None:
    log = funded()
    log.tell(place("ann", "resting", hold=10))
    first, first_at = request_id(0, len(log.records), 0), 1_000 * len(log.records)
    log.tell(keyed(command))
    before = log.balance("ann", USDT)
    for _ in range(2):
        (answer,) = log.tell(keyed(command))
        repeated = the(RequestRepeated, [answer])
        assert (repeated.account, repeated.first, repeated.first_at) == ("ann", first, first_at)
        assert repeated.request == request_id(0, len(log.records) - 1, 0)
    assert log.balance("ann", USDT) == before


def test_a_retry_in_the_same_frame_is_recognised() -> None:
    log = funded()
    messages = log.tell(ORDER, ORDER)
    the(Place, messages)
    the(RequestRepeated, messages)
    assert log.balance("ann", USDT) == (900, 100)


def test_what_a_client_did_not_ask_for_may_differ_in_a_retry() -> None:
    """The api reckons hold and worst price from the market of the moment."""
    log = funded()
    terms = msgspec.structs.replace(ORDER, order_type=OrderType.MARKET)
    the(Place, log.tell(terms))
    later = msgspec.structs.replace(terms, hold=Units(120), price=Ticks(12))
    the(RequestRepeated, log.tell(later))


@pytest.mark.parametrize(
    "other",
    [
        place("ann", hold=100, client_order_id="another"),
        msgspec.structs.replace(place("ann", hold=100), price=Ticks(11)),
        cancel("ann", client_order_id="mine"),
        deposit("ann", USDT, 100),
        withdraw("ann", USDT, 100),
    ],
    ids=str,
)
def test_a_key_is_for_one_request(other: KeyedCommand) -> None:
    log = funded()
    log.tell(ORDER)
    (refused,) = log.tell(keyed(other))
    assert the(RequestRejected, [refused]).reason is Reason.KEY_REUSED
    assert log.balance("ann", USDT) == (900, 100)
    the(RequestRepeated, log.tell(ORDER))


def test_each_account_has_keys_of_its_own() -> None:
    log = funded()
    log.tell(keyed(deposit("ann", USDT, 5)), keyed(deposit("bob", USDT, 5)))
    assert (log.balance("ann", USDT), log.balance("bob", USDT)) == ((1_005, 0), (5, 0))


def test_a_request_that_was_refused_stays_refused() -> None:
    """Its retry must not take effect because funds have come in meanwhile."""
    log = funded()
    large = keyed(place("ann", hold=2_000))
    refused = the(OrderUpdate, log.tell(large))
    assert (refused.status, refused.reason) == (OrderStatus.REJECTED, Reason.INSUFFICIENT_BALANCE)
    log.tell(deposit("ann", USDT, 5_000))
    assert the(RequestRepeated, log.tell(large)).first == refused.request


def test_without_a_key_nothing_is_remembered() -> None:
    log = funded()
    for _ in range(2):
        log.tell(deposit("ann", USDT, 1))
    assert log.balance("ann", USDT) == (1_002, 0)
    assert list(log.machine.requests) == []


def test_a_key_is_remembered_for_24_hours_of_the_logs_time() -> None:
    log = funded()
    log.tell(keyed(deposit("ann", USDT, 1)))
    log.passed_ms = REMEMBERED_MS - 1_000 - 1
    the(RequestRepeated, log.tell(keyed(deposit("ann", USDT, 1))))
    log.passed_ms += 1
    log.tell(deposit("bob", BTC, 1))
    assert list(log.machine.requests) == []
    log.tell(keyed(deposit("ann", USDT, 1)))
    assert log.balance("ann", USDT) == (1_002, 0)


def test_an_account_has_so_many_keys_and_loses_its_oldest_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(requests, "KEYS_MAX", 2)
    log = funded()
    log.tell(keyed(deposit("bob", USDT, 1), "bobs"))
    log.tell(*[keyed(deposit("ann", USDT, 1), f"key-{number}") for number in range(3)])
    assert [request.key for request in log.machine.requests] == ["bobs", "key-1", "key-2"]
    log.passed_ms = REMEMBERED_MS
    log.tell(deposit("ann", USDT, 1))
    assert list(log.machine.requests) == []


def test_it_can_be_asked_which_request_bore_a_key() -> None:
    log = funded()
    first = the(OrderUpdate, log.tell(keyed(place("ann", hold=2_000)))).request
    before = log.balance("ann", USDT)
    found = the(RequestRepeated, log.tell(FindRequest(AccountId("ann"), "key-1")))
    assert (found.first, found.first_at) == (first, 1_000 * (len(log.records) - 2))
    for account, key in (("ann", "key-2"), ("bob", "key-1"), ("eve", "key-1")):
        refused = the(RequestRejected, log.tell(FindRequest(AccountId(account), key)))
        assert refused.reason is Reason.UNKNOWN_KEY
    assert log.balance("ann", USDT) == before
    with pytest.raises(MalformedRecord):
        log.append(frame(FindRequest(AccountId("ann"), "")))


def test_nobody_without_an_account_takes_up_memory() -> None:
    log = funded()
    log.tell(keyed(deposit("eve", USDT, 1)))
    assert list(log.machine.requests) == []


def test_a_restored_ledger_recognises_retries() -> None:
    log = funded()
    log.tell(ORDER, keyed(deposit("bob", BTC, 1), "key-2"))
    restored = LedgerPartition(0, MARKET_PARTITIONS)
    restored.restore(log.machine.snapshot())
    assert restored.digest() == log.machine.digest()
    last = (len(log.records), 9_000, frame(ORDER, keyed(deposit("bob", BTC, 1), "key-2")))
    outputs = restored.apply(*last)
    assert [type(output.message) for output in outputs] == [RequestRepeated] * 2
    assert outputs == log.machine.apply(*last)
    assert restored.digest() == log.machine.digest()


def test_a_remembered_request_is_part_of_the_digest() -> None:
    one, other = funded(), funded()
    one.tell(keyed(deposit("ann", USDT, 1)))
    other.tell(deposit("ann", USDT, 1))
    assert one.machine.digest() != other.machine.digest()


@pytest.mark.parametrize("key", ["k" * 65, "käy", "key\n"])
def test_what_is_no_key_is_malformed(key: str) -> None:
    for command in (ORDER, cancel("ann", 1), deposit("ann", USDT, 1), withdraw("ann", USDT, 1)):
        with pytest.raises(MalformedRecord):
            funded().append(frame(keyed(command, key)))


def test_a_replay_recognises_the_same_retries() -> None:
    log = funded()
    for _ in range(2):
        log.tell(ORDER)
    again = log.replayed()
    assert again.outputs == log.outputs
    assert again.machine.digest() == log.machine.digest()
