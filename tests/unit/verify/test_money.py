"""Money and holds, at moments when something is in flight and when nothing is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from infra.verify import money
from infra.verify.checks import Difference
from streams.messages import Side, partition_of_request
from streams.runtime.ledger_worker import ROLE as LEDGER
from streams.runtime.matching_worker import ROLE as MATCHING
from streams.topics import COMMANDS
from tests.unit.verify.exchange import ALICE, BOB, BTC, Exchange


@pytest.fixture
async def exchange() -> Exchange:
    exchange = Exchange()
    await exchange.open()
    await exchange.settle()
    return exchange


async def trade(exchange: Exchange) -> None:
    await exchange.place(ALICE, Side.SELL, price=100, quantity=5)
    await exchange.advance(LEDGER, MATCHING)
    await exchange.place(BOB, Side.BUY, price=100, quantity=2)
    await exchange.advance(LEDGER, MATCHING)


async def test_a_trade_moves_money_and_makes_none(exchange: Exchange) -> None:
    await trade(exchange)
    await exchange.settle()
    ledgers, books = exchange.views()
    said = money.conserved(ledgers, books, await exchange.tail())
    assert said == "BTC 20, USDT 20000 deposited; 0 settlements in flight"


async def test_settlements_under_way_are_counted(exchange: Exchange) -> None:
    await trade(exchange)
    ledgers, books = exchange.views()
    tail = await exchange.tail()
    assert "2 settlements in flight" in money.conserved(ledgers, books, tail)


async def test_half_a_trade_settled_is_made_up_for_by_the_other_half(exchange: Exchange) -> None:
    await trade(exchange)
    behind = exchange.ledgers.pop(1)
    await exchange.advance(LEDGER)
    exchange.ledgers[1] = behind
    ledgers, books = exchange.views()
    assert ledgers[0].funds[BTC].clearing != 0
    assert "1 settlement in flight" in money.conserved(ledgers, books, await exchange.tail())


async def test_a_settlement_that_never_arrives_is_named(exchange: Exchange) -> None:
    await trade(exchange)
    ledgers, books = exchange.views()
    lost = exchange.log.records[COMMANDS, 0]
    lost[:] = lost[: exchange.ledgers[0].position]
    with pytest.raises(Difference, match="commands/0: matching:0 lacks settlement 1"):
        money.conserved(ledgers, books, await exchange.tail())


async def test_money_out_of_nothing_is_named(exchange: Exchange) -> None:
    ledgers, books = exchange.views()
    funds = dict(ledgers[0].funds)
    funds[BTC] = funds[BTC]._replace(customers=funds[BTC].customers + 1)
    ledgers[0] = replace(ledgers[0], funds=funds)
    with pytest.raises(Difference, match=r"BTC: 0\.00000001 too much"):
        money.conserved(ledgers, books, await exchange.tail())


async def test_every_hold_is_that_of_an_order_in_a_book(exchange: Exchange) -> None:
    await trade(exchange)
    await exchange.settle()
    ledgers, books = exchange.views()
    assert money.holds_agree(ledgers, books, set()) == "1 open order, 0 moving left out"


async def test_an_order_on_its_way_is_left_out(exchange: Exchange) -> None:
    await exchange.place(ALICE, Side.SELL, price=100, quantity=5)
    await exchange.advance(LEDGER)
    ledgers, books = exchange.views()
    tail = await exchange.tail()
    assert "1 moving" in money.holds_agree(ledgers, books, tail.moving)
    with pytest.raises(Difference, match="open in its ledger, not in BTCUSDT"):
        money.holds_agree(ledgers, books, set())


async def test_a_hold_that_is_not_what_the_order_needs_is_named(exchange: Exchange) -> None:
    order_id = await exchange.place(ALICE, Side.SELL, price=100, quantity=5)
    await exchange.settle()
    ledgers, books = exchange.views()
    partition = partition_of_request(order_id)
    orders = dict(ledgers[partition].orders)
    orders[order_id] = orders[order_id]._replace(held=1)
    ledgers[partition] = replace(ledgers[partition], orders=orders)
    with pytest.raises(Difference, match=f"order {order_id}: its ledger has"):
        money.holds_agree(ledgers, books, set())
