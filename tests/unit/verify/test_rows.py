"""The database's rows of accounts, against machines that stood elsewhere when they were read."""

from __future__ import annotations

import msgspec
import pytest

from infra.verify.checks import Difference
from infra.verify.rows import BalanceRow, balances_agree, open_orders_agree
from streams.messages import (
    BalanceUpdate,
    OrderId,
    OrderUpdate,
    Sequence,
    Side,
    Units,
    updates,
)
from streams.topics import UPDATES
from tests.unit.verify.exchange import ALICE, BOB, LEDGERS, Exchange


def balances(exchange: Exchange) -> list[BalanceRow]:
    """What the projections would have made of the updates by now."""
    rows: dict[tuple[str, str], BalanceRow] = {}
    for partition in range(LEDGERS):
        for record in exchange.log.records[UPDATES, partition]:
            update = updates.decode(record.value)
            if isinstance(update, BalanceUpdate):
                for asset, available, held in map(msgspec.structs.astuple, update.balances):
                    row = BalanceRow(update.account, asset, available, held, update.seq)
                    rows[update.account, asset] = row
    return list(rows.values())


def open_orders(exchange: Exchange) -> list[OrderUpdate]:
    """The same of open orders."""
    rows: dict[OrderId, OrderUpdate] = {}
    for partition in range(LEDGERS):
        for record in exchange.log.records[UPDATES, partition]:
            update = updates.decode(record.value)
            if isinstance(update, OrderUpdate):
                rows[update.order_id] = update
    return [row for row in rows.values() if row.status.is_open]


@pytest.fixture
async def exchange() -> Exchange:
    """Alice offers five and has sold two."""
    exchange = Exchange()
    await exchange.open()
    await exchange.place(ALICE, Side.SELL, price=100, quantity=5)
    await exchange.settle()
    await exchange.place(BOB, Side.BUY, price=100, quantity=2)
    await exchange.settle()
    return exchange


async def test_rows_that_say_what_the_machines_say_agree(exchange: Exchange) -> None:
    rows, orders = balances(exchange), open_orders(exchange)
    ledgers, books = exchange.views()
    tail = await exchange.tail()
    assert balances_agree(rows, ledgers, tail) == "4 balances, 0 of them by later updates"
    assert open_orders_agree(orders, books, tail) == "1 open order, 0 more by later updates"


async def test_rows_may_be_newer_than_the_machines_were(exchange: Exchange) -> None:
    replayed = exchange.copies()
    ledgers, books = exchange.views()
    await exchange.place(BOB, Side.BUY, price=100, quantity=1)
    await exchange.place(BOB, Side.BUY, price=90, quantity=1)
    await exchange.settle()
    rows, orders = balances(exchange), open_orders(exchange)
    exchange.ledgers, exchange.books = replayed
    tail = await exchange.tail()
    assert balances_agree(rows, ledgers, tail) == "4 balances, 4 of them by later updates"
    assert open_orders_agree(orders, books, tail) == "0 open orders, 2 more by later updates"


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"available": Units(1)}, "alice: BTC 0.00000001"),
        ({"held": Units(7)}, "alice: BTC"),
        ({"seq": Sequence(10**15)}, "alice: BTC .* which no update of ledger:. says"),
        ({"asset": "DOGE"}, "alice: DOGE, which its ledger does not know of"),
        ({"account": "mallory"}, "mallory: BTC, which its ledger does not know of"),
    ],
)
async def test_a_balance_that_was_altered_is_named(
    exchange: Exchange, change: dict[str, object], named: str
) -> None:
    rows = balances(exchange)
    at = next(i for i, row in enumerate(rows) if (row.account, row.asset) == (ALICE, "BTC"))
    rows[at] = rows[at]._replace(**change)  # type: ignore[arg-type]
    ledgers, _ = exchange.views()
    with pytest.raises(Difference, match=named):
        balances_agree(rows, ledgers, await exchange.tail())


async def test_a_balance_that_was_lost_is_named(exchange: Exchange) -> None:
    rows = [row for row in balances(exchange) if row.account != BOB]
    ledgers, _ = exchange.views()
    with pytest.raises(Difference, match="bob: BTC is not in the database"):
        balances_agree(rows, ledgers, await exchange.tail())


async def test_open_orders_that_were_lost_altered_or_left_are_named(exchange: Exchange) -> None:
    (row,) = open_orders(exchange)
    _, books = exchange.views()
    tail = await exchange.tail()
    order_id = row.order_id
    with pytest.raises(Difference, match=f"order {order_id}: in BTCUSDT, not in the database"):
        open_orders_agree([], books, tail)
    altered = msgspec.structs.replace(row, executed=Units(0))
    with pytest.raises(Difference, match=f"order {order_id}: .* in the database, "):
        open_orders_agree([altered], books, tail)
    left = msgspec.structs.replace(row, order_id=OrderId(order_id + LEDGERS * 32))
    with pytest.raises(Difference, match="open in the database, not in BTCUSDT"):
        open_orders_agree([row, left], books, tail)
