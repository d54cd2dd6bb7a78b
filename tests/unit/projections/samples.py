"""Events as machines would tell them, with only what a test is about spelled out."""

from __future__ import annotations

from typing import Any

from streams.messages import (
    Asset,
    Balance,
    BalanceChange,
    BalanceUpdate,
    Cause,
    Execution,
    Kline,
    Market,
    MarketStatus,
    Offset,
    OrderId,
    OrderStatus,
    OrderType,
    OrderUpdate,
    Side,
    Ticker,
    TimeInForce,
    Trade,
    Units,
    request_id,
)

T0 = 1_800_000_000_000
CAUSE = Cause(0, Offset(0), 0)


def order_id(number: int, partition: int = 0) -> OrderId:
    """The id of the order that the frame of this number brought."""
    return OrderId(request_id(partition, number, 0))


def order_update(seq: int, number: int, **changes: Any) -> OrderUpdate:
    """What the market says of order `number` at its event `seq`: by default, that it is new."""
    fields: dict[str, Any] = {
        "source": "matching:0",
        "at": T0 + seq,
        "cause": CAUSE,
        "account": "alice",
        "market": "BTCUSDT",
        "request": order_id(number),
        "order_id": order_id(number),
        "client_order_id": f"mine-{number}",
        "execution": Execution.NEW,
        "status": OrderStatus.NEW,
        "side": Side.BUY,
        "order_type": OrderType.LIMIT,
        "time_in_force": TimeInForce.GTC,
        "price": 100,
        "quantity": 10,
        "created": T0 + number,
        "market_seq": seq,
    }
    return OrderUpdate(**fields | {"seq": seq} | changes)


def filled(seq: int, number: int, trade_id: int = 1, **changes: Any) -> OrderUpdate:
    trade = {"execution": Execution.TRADE, "status": OrderStatus.FILLED, "trade_id": trade_id}
    return order_update(seq, number, **trade | changes)


def canceled(seq: int, number: int, **changes: Any) -> OrderUpdate:
    end = {"execution": Execution.CANCELED, "status": OrderStatus.CANCELED}
    return order_update(seq, number, **end | changes)


def rejected(seq: int, number: int, **changes: Any) -> OrderUpdate:
    """What the ledger says of an order that it does not forward."""
    end = {"execution": Execution.REJECTED, "status": OrderStatus.REJECTED, "source": "ledger:0"}
    return order_update(seq, number, **end | changes)


def balance(asset: str, available: int, held: int) -> Balance:
    return Balance(Asset(asset), Units(available), Units(held))


def balance_update(seq: int, *balances: Balance, **changes: Any) -> BalanceUpdate:
    fields: dict[str, Any] = {
        "source": "ledger:0",
        "seq": seq,
        "at": T0 + seq,
        "cause": CAUSE,
        "account": "alice",
        "change": BalanceChange.DEPOSIT,
        "balances": list(balances),
    }
    return BalanceUpdate(**fields | changes)


def trade(trade_id: int, **changes: Any) -> Trade:
    fields: dict[str, Any] = {
        "market": "BTCUSDT",
        "seq": trade_id * 2,
        "time": T0 + trade_id,
        "aggregate_id": trade_id,
        "aggregate_last": True,
        "price": "100.00000000",
        "quantity": "1.00000000",
        "quote_quantity": "100.00000000",
        "maker_order_id": 1,
        "taker_order_id": 2,
        "taker_side": Side.BUY,
        "cause": CAUSE,
    }
    return Trade(**fields | {"trade_id": trade_id} | changes)


def kline(seq: int, open_time: int, **changes: Any) -> Kline:
    fields: dict[str, Any] = {
        "market": "BTCUSDT",
        "time": open_time,
        "interval": "1m",
        "close_time": open_time + 59_999,
        "open": "1",
        "high": "1",
        "low": "1",
        "close": str(seq),
        "volume": "1",
        "quote_volume": "1",
        "taker_volume": "1",
        "taker_quote_volume": "1",
        "first_trade_id": 1,
        "last_trade_id": seq,
        "trades": seq,
    }
    return Kline(**fields | {"seq": seq, "open_time": open_time} | changes)


def ticker(seq: int, **changes: Any) -> Ticker:
    fields: dict[str, Any] = {
        "market": "BTCUSDT",
        "seq": seq,
        "time": T0,
        "open_time": T0,
        "open": "1",
        "high": "1",
        "low": "1",
        "last": str(seq),
        "last_quantity": "1",
        "previous_close": "1",
        "volume": "1",
        "quote_volume": "1",
        "first_trade_id": 1,
        "last_trade_id": seq,
        "trades": seq,
    }
    return Ticker(**fields | changes)


def market(seq: int, **changes: Any) -> Market:
    fields: dict[str, Any] = {
        "market": "BTCUSDT",
        "seq": seq,
        "time": T0,
        "status": MarketStatus.TRADING,
        "partition": 0,
        "base": "BTC",
        "quote": "USDT",
        "tick_size": "0.01",
        "lot_size": "0.00001",
        "min_notional": "1",
        "maker_fee_bps": 10,
        "taker_fee_bps": 10,
        "protection_bps": 500,
    }
    return Market(**fields | changes)
