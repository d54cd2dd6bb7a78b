"""Updates as ledgers and markets write them, for tests to say only what matters."""

from __future__ import annotations

from streams.messages import (
    AccountId,
    Asset,
    Balance,
    BalanceChange,
    BalanceUpdate,
    Cause,
    Execution,
    MarketId,
    Millis,
    Offset,
    OrderId,
    OrderStatus,
    OrderType,
    OrderUpdate,
    RequestId,
    Sequence,
    Side,
    TimeInForce,
    Units,
)

ALICE = AccountId("alice")
BTCUSDT = MarketId("BTCUSDT")


def order_update(
    order: int,
    execution: Execution,
    status: OrderStatus,
    *,
    request: int | None = None,
    trade_id: int = 0,
    last: bool = False,
    is_maker: bool = False,
    settlement: int = 0,
) -> OrderUpdate:
    return OrderUpdate(
        source="matching:0",
        seq=Sequence(1),
        at=Millis(1),
        cause=Cause(0, Offset(1), 0),
        account=ALICE,
        market=BTCUSDT,
        request=RequestId(order if request is None else request),
        order_id=OrderId(order),
        client_order_id=f"client-{order}",
        execution=execution,
        status=status,
        side=Side.BUY,
        order_type=OrderType.LIMIT,
        time_in_force=TimeInForce.GTC,
        price=Units(100),
        quantity=Units(10),
        created=Millis(1),
        trade_id=trade_id,
        is_maker=is_maker,
        settlement=Sequence(settlement),
        last=last,
    )


def balance_update(
    change: BalanceChange,
    available: int,
    *,
    request: int = 0,
    settled: int | None = None,
    offset: int = 1,
) -> BalanceUpdate:
    return BalanceUpdate(
        source="ledger:0",
        seq=Sequence(1),
        at=Millis(1),
        cause=Cause(0, Offset(offset), 0),
        account=ALICE,
        change=change,
        balances=[Balance(Asset("USDT"), Units(available), Units(0))],
        request=RequestId(request),
        settled=None if settled is None else ("matching:0", Sequence(settled)),
    )
