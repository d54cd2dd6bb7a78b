"""What accounts and ledgers are told of their orders, and what that does to held funds."""

from __future__ import annotations

import msgspec

from streams.matching.settlement import NO_ASSET
from streams.messages import (
    UNIT,
    Amend,
    Amendment,
    Asset,
    Cause,
    Execution,
    Lots,
    MarketId,
    Millis,
    Offset,
    OrderStatus,
    OrderUpdate,
    Reason,
    ReleaseName,
    RequestId,
    RequestRejected,
    Settle,
    Side,
    TimeInForce,
    Units,
)
from streams.topics import COMMANDS, UPDATES
from tests.unit.matching.floor import LOT, TICK, TICK_LOT
from tests.unit.matching.log import (
    BTCUSDT,
    PARTITION,
    cancel,
    market_order,
    messages,
    opened,
    order_id,
    place,
)

BUY, SELL = Side.BUY, Side.SELL
BTC, USDT = Asset("BTC"), Asset("USDT")


def amend(number: int, request: int, lots: int, name: str) -> Amend:
    account = place(number, BUY, 1, 1).account
    return Amend(RequestId(order_id(request)), order_id(number), account, BTCUSDT, name, Lots(lots))


def test_an_amendment_frees_funds_and_the_old_name_in_the_same_step() -> None:
    log = opened()
    log.send(place(1, BUY, 50, 2_000))
    outputs = log.send(amend(1, 9, 30, "new"))
    (update,), (settle,) = messages(outputs, OrderUpdate), messages(outputs, Settle)
    assert (update.execution, update.status) == (Execution.REPLACED, OrderStatus.NEW)
    assert (update.request, update.client_order_id, update.last) == (
        RequestId(order_id(9)),
        "new",
        True,
    )
    assert (update.quantity, update.price) == (30 * LOT, 2_000 * TICK)
    assert update.amendment == Amendment("client-1", Units(50 * LOT))
    assert (settle.released, settle.done) == (20 * 2_000 * TICK_LOT, False)
    assert messages(outputs, ReleaseName) == [ReleaseName(update.account, order_id(1), "client-1")]


def test_an_amendment_that_is_refused_frees_the_name_it_asked_for() -> None:
    log = opened()
    log.send(place(1, BUY, 50, 2_000))
    outputs = log.send(amend(1, 9, 60, "new"))
    (rejected,) = messages(outputs, RequestRejected)
    assert rejected.reason is Reason.QUANTITY_INCREASED
    assert [each.client_order_id for each in messages(outputs, ReleaseName)] == ["new"]
    gone = log.send(amend(2, 10, 60, "new"))
    assert messages(gone, RequestRejected)[0].reason is Reason.UNKNOWN_ORDER
    assert messages(gone, ReleaseName) == []


def test_a_trade_pays_each_side_less_its_fee_and_releases_the_buyers_improvement() -> None:
    log = opened()
    log.send(place(1, SELL, 50, 2_000))
    outputs = log.send(place(2, BUY, 50, 2_010))
    base, quote = 50 * LOT, 50 * 2_000 * TICK_LOT
    maker, taker = messages(outputs, Settle)
    assert maker == Settle(
        account=maker.account,
        order_id=order_id(1),
        received_asset=USDT,
        paid=Units(base),
        received=Units(quote - quote // 1_000),
        fee=Units(quote // 1_000),
        released=Units(0),
        done=True,
    )
    assert taker == Settle(
        account=taker.account,
        order_id=order_id(2),
        received_asset=BTC,
        paid=Units(quote),
        received=Units(base - base // 500),
        fee=Units(base // 500),
        released=Units(50 * 10 * TICK_LOT),
        done=True,
    )


def test_a_fee_is_rounded_down_to_the_unit() -> None:
    log = opened()
    log.send(place(1, SELL, 1, 99))
    maker, _ = messages(log.send(place(2, BUY, 1, 99)), Settle)
    # 10 basis points of 990 units are 0.99 of one.
    assert (maker.received, maker.fee) == (990, 0)


def test_updates_tell_the_order_the_trade_and_the_settlement_that_follows() -> None:
    log = opened()
    log.send(place(1, SELL, 50, 2_000))
    outputs = log.send(place(2, BUY, 80, 2_010), at=5_000)
    new, maker, taker = messages(outputs, OrderUpdate)
    assert (new.execution, new.status, new.last) == (Execution.NEW, OrderStatus.NEW, False)
    assert (maker.order_id, maker.status, maker.is_maker) == (
        order_id(1),
        OrderStatus.FILLED,
        True,
    )
    assert taker == OrderUpdate(
        source=f"matching:{PARTITION}",
        seq=taker.seq,
        at=Millis(5_000),
        cause=Cause(PARTITION, Offset(2), 0),
        account=taker.account,
        market=BTCUSDT,
        request=RequestId(order_id(2)),
        order_id=order_id(2),
        client_order_id="client-2",
        execution=Execution.TRADE,
        status=OrderStatus.PARTIALLY_FILLED,
        side=BUY,
        order_type=taker.order_type,
        time_in_force=TimeInForce.GTC,
        price=Units(2_010 * TICK),
        quantity=Units(80 * LOT),
        created=Millis(5_000),
        executed=Units(50 * LOT),
        executed_quote=Units(50 * 2_000 * TICK_LOT),
        market_seq=taker.market_seq,
        trade_id=1,
        last_price=Units(2_000 * TICK),
        last_quantity=Units(50 * LOT),
        last_quote=Units(50 * 2_000 * TICK_LOT),
        fee=Units(50 * LOT // 500),
        fee_asset=BTC,
        settlement=taker.settlement,
        last=True,
    )
    assert taker.last_quote * UNIT == taker.last_price * taker.last_quantity
    settled = {(o.source, o.seq): o.message for o in outputs if o.topic is COMMANDS}
    named = settled[taker.source, taker.settlement]
    assert isinstance(named, Settle)
    assert (named.order_id, named.fee) == (taker.order_id, taker.fee)


def test_the_last_update_of_a_command_is_marked_while_its_order_stays_open() -> None:
    log = opened()
    (resting,) = messages(log.send(place(1, SELL, 5, 100)), OrderUpdate)
    assert resting.last
    log.send(place(2, SELL, 5, 101))
    updates = messages(log.send(place(3, BUY, 12, 101)), OrderUpdate)
    assert [(update.order_id, update.last) for update in updates] == [
        (order_id(3), False),
        (order_id(1), False),
        (order_id(3), False),
        (order_id(2), False),
        (order_id(3), True),
    ]


def test_too_large_a_hold_is_released_when_the_order_comes_in() -> None:
    log = opened()
    outputs = log.send(place(1, BUY, 5, 100, hold=5 * 100 * TICK_LOT + 77))
    (update,) = messages(outputs, OrderUpdate)
    (settle,) = messages(outputs, Settle)
    assert (settle.released, settle.done, update.settlement) == (77, False, 1)


def test_a_cancelled_order_gets_all_back_that_it_has_not_spent() -> None:
    log = opened()
    log.send(place(1, BUY, 5, 100))
    log.send(place(2, SELL, 2, 100))
    outputs = log.send(cancel(1, request=9))
    (update,) = messages(outputs, OrderUpdate)
    (settle,) = messages(outputs, Settle)
    assert (update.status, update.request) == (OrderStatus.CANCELED, RequestId(order_id(9)))
    assert (settle.paid, settle.released, settle.done) == (0, 3 * 100 * TICK_LOT, True)


def test_an_expired_order_gets_its_rest_back() -> None:
    log = opened()
    outputs = log.send(place(1, SELL, 5, 100, tif=TimeInForce.IOC))
    update = messages(outputs, OrderUpdate)[-1]
    (settle,) = messages(outputs, Settle)
    assert (update.status, update.reason) == (OrderStatus.EXPIRED, Reason.IMMEDIATE_OR_CANCEL)
    assert (settle.released, settle.done) == (5 * LOT, True)


def test_a_market_order_gets_back_at_its_end_what_its_budget_could_not_buy() -> None:
    log = opened()
    log.send(place(1, SELL, 9, 100))
    budget = 4 * 100 * TICK_LOT + 7
    outputs = log.send(market_order(2, BUY, budget=budget, hold=budget))
    update = messages(outputs, OrderUpdate)[-1]
    assert (update.execution, update.status) == (Execution.EXPIRED, OrderStatus.FILLED)
    assert (update.quantity, update.executed) == (4 * LOT, 4 * LOT)
    settles = [settle for settle in messages(outputs, Settle) if settle.order_id == order_id(2)]
    assert [(s.paid, s.released, s.done) for s in settles] == [
        (4 * 100 * TICK_LOT, 0, False),
        (0, 7, True),
    ]


def test_a_refused_order_gets_its_hold_back() -> None:
    log = opened()
    outputs = log.send(place(1, BUY, 5, 0, hold=123))
    (update,) = messages(outputs, OrderUpdate)
    (settle,) = messages(outputs, Settle)
    assert (update.status, update.reason) == (OrderStatus.REJECTED, Reason.PRICE_FILTER)
    assert update.market_seq == 0
    assert (settle.released, settle.done) == (123, True)


def test_an_order_for_no_market_gets_its_hold_back() -> None:
    log = opened()
    outputs = log.send(place(1, BUY, 5, 100, market=MarketId("DOGEUSDT")))
    (update,) = messages(outputs, OrderUpdate)
    (settle,) = messages(outputs, Settle)
    assert update.reason is Reason.UNKNOWN_MARKET
    assert settle.released == 5 * 100 * TICK_LOT
    assert settle.received_asset == NO_ASSET != ""


def test_a_duplicate_does_not_touch_the_living_orders_hold() -> None:
    log = opened()
    log.send(place(1, BUY, 5, 100))
    outputs = log.send(place(1, BUY, 5, 100))
    (update,) = messages(outputs, OrderUpdate)
    assert update.reason is Reason.DUPLICATE_ORDER_ID
    assert messages(outputs, Settle) == []


def test_amounts_beyond_all_bounds_are_refused_in_a_message_that_can_be_sent() -> None:
    log = opened()
    (update,) = messages(log.send(place(1, SELL, 2**63, 2**63, hold=0)), OrderUpdate)
    assert update.reason is Reason.PRICE_FILTER
    assert msgspec.json.decode(msgspec.json.encode(update), type=OrderUpdate) == update


def test_a_refused_cancel_answers_its_request() -> None:
    log = opened()
    (refusal,) = messages(log.send(cancel(1, request=9)), RequestRejected)
    assert (refusal.request, refusal.reason) == (RequestId(order_id(9)), Reason.UNKNOWN_ORDER)


def test_each_partition_of_accounts_gets_numbers_of_its_own_without_a_gap() -> None:
    log = opened()
    outputs = log.send(place(1, SELL, 5, 100, ledger=1), ledger=1)
    outputs += log.send(place(2, BUY, 3, 100), place(3, BUY, 3, 100))
    outputs += log.send(cancel(1, request=9, ledger=1), ledger=1)
    for topic in (UPDATES, COMMANDS):
        for partition in (0, 1):
            named = [o for o in outputs if (o.topic, o.partition) == (topic, partition)]
            assert [o.seq for o in named] == list(range(1, len(named) + 1))
            assert {o.source for o in named} == {f"matching:{PARTITION}"}
