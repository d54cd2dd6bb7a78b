"""What a recovery says of what was lost, and how it sets rows right."""

from __future__ import annotations

import msgspec

from infra.recover import read_models
from infra.recover.report import Lost, lost_by_account, lost_by_market
from infra.verify.rows import BalanceRow
from projections.orders import OPEN_ORDERS
from streams.matching.partition import MarketNumbers
from streams.messages import (
    AccountCommand,
    AccountId,
    MarketCommand,
    OrderStatus,
    OrderUpdate,
    Reason,
    Sequence,
    Side,
    Units,
    request_id,
    updates,
)
from streams.runtime.ports import Kept
from tests.unit.ledger import log as ledgers
from tests.unit.matching import log as markets

PARTITION = 1


def of_ledger(*commands: AccountCommand, source: str = "") -> Kept:
    return Kept(7, 0, b"", ledgers.frame(*commands, source=source, first_seq=1), [])


def of_market(*commands: MarketCommand, source: str = "", first: int = 0) -> Kept:
    return Kept(7, 0, b"", markets.frame(*commands, source=source, first=first), [])


def test_requests_of_clients_are_lost_by_the_ids_they_were_told() -> None:
    record = of_ledger(ledgers.deposit("ann", "USDT", 5), ledgers.place("ann"))
    assert list(lost_by_account(PARTITION, record)) == [
        Lost(request_id(PARTITION, 7, 0), "Deposit", "ann"),
        Lost(request_id(PARTITION, 7, 1), "PlaceOrder", "ann", "BTCUSDT"),
    ]


def test_settlements_and_garbage_are_nobodys_requests() -> None:
    assert not list(lost_by_account(0, of_ledger(ledgers.settle("ann", 1), source="matching:0")))
    assert not list(lost_by_account(0, Kept(7, 0, b"", b"garbage", [])))


def test_of_a_markets_frame_only_what_its_ledger_does_not_send_again_is_lost() -> None:
    first, second = (markets.place(number, Side.SELL, 1, 100) for number in (1, 2))
    record = of_market(first, second, source="ledger:0", first=4)
    assert list(lost_by_market(record, {"ledger:0": 4})) == [
        Lost(second.order_id, "Place", second.account, "BTCUSDT")
    ]
    (configured,) = lost_by_market(of_market(markets.configure()), {})
    assert (configured.kind, configured.market) == ("ConfigureMarket", "BTCUSDT")


def test_balances_become_the_ledgers_and_what_it_never_knew_is_nothing() -> None:
    log = ledgers.funded()
    log.machine.begin_epoch(10, last_update=900)
    known = AccountId("ann")
    beyond = BalanceRow(known, ledgers.BTC, Units(3), Units(0), Sequence(40))
    rows = [
        (write.partition, write.row, write.values, write.version)
        for write in read_models.balances([log.machine], [beyond])
    ]
    assert ((known,), (ledgers.USDT,), (1_000, 0), 900) in rows
    assert ((known,), (ledgers.BTC,), (0, 0), 900) in rows
    assert len(rows) == 3


def test_an_open_order_that_is_lost_expires_and_says_why() -> None:
    log = markets.opened()
    log.send(markets.place(1, Side.SELL, 5, 100))
    log.machine.begin_epoch(10, [70, 80], {markets.BTCUSDT: MarketNumbers(5_000, 300, 200)})
    (shown,) = log.machine.standing()
    shown = msgspec.structs.replace(shown, seq=Sequence(9))
    writes = list(read_models.lost(shown, log.machine, 0))
    assert all(write.table is not OPEN_ORDERS for write in writes)
    (order,) = (write for write in writes if write.table.name == "orders")
    event = updates.decode(str((order.values or ("",))[0]))
    assert isinstance(event, OrderUpdate)
    assert (event.status, event.reason) == (OrderStatus.EXPIRED, Reason.LOST)
    assert order.version == 70
