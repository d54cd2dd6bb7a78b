"""What may be sent as an idempotency key, and where."""

from __future__ import annotations

import pytest

from api.errors import ApiError
from api.idempotency import client_id, read_key
from streams.ledger.partition import LedgerPartition
from streams.messages import AccountId, Asset, Deposit, Frame, Sequence, Units, encode_frame


@pytest.mark.parametrize("key", ["a", "k" * 64, "{order 7}", "~!"])
def test_a_key_is_printable_ascii_and_a_ledger_takes_it(key: str) -> None:
    assert read_key([key], taken=True) == key
    command = Deposit(AccountId("a"), Asset("A"), Units(1), "", key)
    assert LedgerPartition(0, 1).apply(0, 0, encode_frame(Frame(1, "", Sequence(0), [command])))


@pytest.mark.parametrize("sent", [[""], ["k" * 65], ["k\n"], ["k\xe9"], ["\x7f"], ["a", "b"]])
def test_what_is_no_key_is_refused(sent: list[str]) -> None:
    with pytest.raises(ApiError) as refused:
        read_key(sent, taken=True)
    assert refused.value.code == -1100


def test_a_key_that_nobody_would_remember_is_refused_rather_than_ignored() -> None:
    assert read_key([], taken=False) == ""
    with pytest.raises(ApiError) as refused:
        read_key(["a"], taken=False)
    assert refused.value.code == -1106


def test_an_order_without_a_name_gets_one_from_its_key_that_its_retry_gets_too() -> None:
    assert client_id("a") == client_id("a") != client_id("b")
    assert len(client_id("a")) == 22
    assert client_id("a").isalnum()
