"""One sample of every message, with every field set. Their golden records are in tests/golden.

A message that has got fields since has a new record, numbered, and one more sample among the
`EARLIER`: what its old record says to today's code.

`python -m tests.unit.messages.samples` writes the records of new samples; a record that exists is
never overwritten, as it is what others have learnt to read.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from streams.messages import (
    FRAME_VERSION,
    NO_TERMS,
    AccountCommand,
    AccountFees,
    AccountId,
    AccountOpened,
    AccountState,
    AccountStatus,
    Amend,
    Amendment,
    AmendOrder,
    Asset,
    Balance,
    BalanceChange,
    BalanceUpdate,
    Cancel,
    CancelOrder,
    CancelReplace,
    CancelReplaceOrder,
    CancelRestriction,
    Cause,
    ConfigureMarket,
    DecideWithdrawal,
    Deposit,
    Depth,
    DepthKind,
    DescribeAccount,
    Execution,
    FindRequest,
    Frame,
    Kline,
    Lots,
    Market,
    MarketCommand,
    MarketConfig,
    MarketId,
    MarketStatus,
    MarketTerms,
    Millis,
    MoveHold,
    Offset,
    OpenAccount,
    OrderCounts,
    OrderId,
    OrderLimits,
    OrderStatus,
    OrderType,
    OrderUpdate,
    Place,
    PlaceOrder,
    PreventedMatch,
    Reason,
    ReleaseName,
    Replace,
    RequestId,
    RequestRejected,
    RequestRepeated,
    RequestWithdrawal,
    SelfTradePrevention,
    Sequence,
    SetAccountStatus,
    SetFees,
    Settle,
    Side,
    Tick,
    Ticker,
    Ticks,
    TimeInForce,
    Trade,
    Units,
    Withdraw,
    Withdrawal,
    WithdrawalStatus,
    WithdrawalUpdate,
    encode_event,
    encode_frame,
)
from streams.messages.events import NO_AMOUNT, PublicEvent, Update

GOLDEN = Path(__file__).parents[2] / "golden"

ANN = AccountId("ann")
BTC, USDT = Asset("BTC"), Asset("USDT")
BTCUSDT = MarketId("BTCUSDT")
AT = Millis(1_700_000_000_123)
ORDER = OrderId(8_193)
REQUEST = RequestId(16_385)
CAUSE = Cause(1, Offset(41), 2)

WITHDRAWAL = Withdrawal(
    "out-1",
    USDT,
    Units(1_250_000_000),
    AT,
    WithdrawalStatus.PAID,
    Millis(1_700_000_060_000),
    "wire 9",
)

ACCOUNT_COMMANDS: tuple[AccountCommand, ...] = (
    OpenAccount(ANN),
    Deposit(ANN, USDT, Units(5_000_000_000_000), "wire 7", "key-1"),
    Withdraw(ANN, USDT, Units(1_250_000_000), "wire 8", "key-2"),
    PlaceOrder(
        ANN,
        BTCUSDT,
        3,
        "mine-1",
        Side.BUY,
        OrderType.LIMIT,
        TimeInForce.GTC,
        Ticks(6_000_001),
        Lots(150),
        Units(7_000_000_000),
        USDT,
        Units(9_000_001_500),
        "key-3",
        OrderLimits(100, 200_000),
        SelfTradePrevention.DECREMENT,
    ),
    CancelOrder(ANN, BTCUSDT, 3, ORDER, "mine-1", "key-4", CancelRestriction.ONLY_NEW),
    Settle(ANN, ORDER, BTC, Units(9_000_001_000), Units(149_850), Units(150), Units(500), True),
    FindRequest(ANN, "key-3"),
    AmendOrder(ANN, BTCUSDT, 3, ORDER, "mine-1", "mine-2", Lots(120), "key-5"),
    ReleaseName(ANN, ORDER, "mine-1"),
    DescribeAccount(ANN),
    SetAccountStatus(ANN, AccountStatus.FROZEN, "case 7"),
    SetFees(ANN, AccountFees(1, 5)),
    RequestWithdrawal(ANN, USDT, Units(1_250_000_000), "out-1"),
    DecideWithdrawal(ANN, "out-1", True, "wire 9"),
    CancelReplaceOrder(
        ANN,
        CancelOrder(ANN, BTCUSDT, 3, ORDER, "mine-1", "", CancelRestriction.ONLY_NEW),
        PlaceOrder(
            ANN,
            BTCUSDT,
            3,
            "mine-2",
            Side.SELL,
            OrderType.LIMIT,
            TimeInForce.GTC,
            Ticks(6_000_001),
            Lots(150),
            Units(0),
            BTC,
            Units(150_000),
        ),
        True,
        True,
        "key-6",
    ),
    MoveHold(ANN, ORDER, OrderId(8_225), Units(50_000)),
)

MARKET_COMMANDS: tuple[MarketCommand, ...] = (
    Place(
        ORDER,
        ANN,
        BTCUSDT,
        "mine-1",
        Side.SELL,
        OrderType.MARKET,
        TimeInForce.IOC,
        Ticks(6_000_001),
        Lots(150),
        Units(7_000_000_000),
        Units(150_000),
        SelfTradePrevention.EXPIRE_MAKER,
        AccountFees(1, 5),
    ),
    Cancel(REQUEST, ORDER, ANN, BTCUSDT, CancelRestriction.ONLY_PARTIALLY_FILLED),
    Replace(REQUEST, ORDER, ANN, BTCUSDT, Ticks(6_000_002), Lots(151), Units(60_000)),
    ConfigureMarket(
        MarketConfig(
            BTCUSDT,
            3,
            BTC,
            USDT,
            Units(1_000_000),
            Units(1_000),
            Units(100_000_000),
            8,
            10,
            500,
            MarketStatus.CANCEL_ONLY,
        ),
        MarketTerms("delisted on Friday", 700, 60_000, *map(Units, range(100, 700, 100))),
    ),
    Tick(),
    Amend(REQUEST, ORDER, ANN, BTCUSDT, "mine-2", Lots(120)),
    CancelReplace(
        ORDER,
        CancelRestriction.ONLY_NEW,
        True,
        Units(50_000),
        Reason.DUPLICATE_ORDER_ID,
        Place(
            OrderId(8_225),
            ANN,
            BTCUSDT,
            "mine-2",
            Side.SELL,
            OrderType.LIMIT,
            TimeInForce.GTC,
            Ticks(6_000_001),
            Lots(150),
            Units(0),
            Units(150_000),
        ),
    ),
)

UPDATES: tuple[Update, ...] = (
    OrderUpdate(
        source="matching:3",
        seq=Sequence(9),
        at=AT,
        cause=CAUSE,
        account=ANN,
        market=BTCUSDT,
        request=REQUEST,
        order_id=ORDER,
        client_order_id="mine-1",
        execution=Execution.TRADE,
        status=OrderStatus.PARTIALLY_FILLED,
        side=Side.BUY,
        order_type=OrderType.LIMIT_MAKER,
        time_in_force=TimeInForce.FOK,
        price=Units(6_000_001_000_000),
        quantity=Units(150_000),
        created=Millis(1_700_000_000_000),
        budget=Units(7_000_000_000),
        executed=Units(100_000),
        executed_quote=Units(6_000_001_000),
        market_seq=Sequence(77),
        trade_id=12,
        last_price=Units(6_000_001_000_000),
        last_quantity=Units(50_000),
        last_quote=Units(3_000_000_500),
        fee=Units(50),
        fee_asset=BTC,
        is_maker=True,
        reason=Reason.IMMEDIATE_OR_CANCEL,
        settlement=Sequence(5),
        amendment=Amendment("mine-0", Units(160_000)),
        self_trade_prevention=SelfTradePrevention.EXPIRE_BOTH,
        prevented=Units(20_000),
        prevention=PreventedMatch(
            OrderId(8_225),
            ORDER,
            SelfTradePrevention.EXPIRE_BOTH,
            Units(6_000_001_000_000),
            Units(10_000),
            Units(20_000),
        ),
        replaced_by=OrderId(8_225),
    ),
    BalanceUpdate(
        source="ledger:1",
        seq=Sequence(10),
        at=AT,
        cause=CAUSE,
        account=ANN,
        change=BalanceChange.SETTLEMENT,
        balances=[Balance(USDT, Units(4_990_000_000_000), Units(9_000_001_500))],
        request=REQUEST,
        settled=("matching:3", Sequence(5)),
        orders=OrderCounts(3, 4_043),
    ),
    AccountOpened(
        source="ledger:1", seq=Sequence(1), at=AT, cause=CAUSE, account=ANN, request=REQUEST
    ),
    RequestRejected(
        source="ledger:1",
        seq=Sequence(11),
        at=AT,
        cause=CAUSE,
        account=ANN,
        request=REQUEST,
        reason=Reason.UNKNOWN_ORDER,
        order_id=ORDER,
        settlement=Sequence(6),
    ),
    RequestRepeated(
        source="ledger:1",
        seq=Sequence(12),
        at=AT,
        cause=CAUSE,
        account=ANN,
        request=REQUEST,
        first=RequestId(8_225),
        first_at=Millis(1_700_000_000_000),
    ),
    AccountState(
        source="ledger:1",
        seq=Sequence(13),
        at=AT,
        cause=CAUSE,
        account=ANN,
        request=REQUEST,
        orders=OrderCounts(3, 4_043),
        status=AccountStatus.FROZEN,
        reason="case 7",
        fees=AccountFees(1, 5),
        withdrawals=[WITHDRAWAL],
    ),
    WithdrawalUpdate(
        source="ledger:1",
        seq=Sequence(14),
        at=AT,
        cause=CAUSE,
        account=ANN,
        request=REQUEST,
        withdrawal=WITHDRAWAL,
    ),
)

PUBLIC_EVENTS: tuple[PublicEvent, ...] = (
    Trade(
        market=BTCUSDT,
        seq=Sequence(77),
        time=AT,
        trade_id=12,
        aggregate_id=11,
        aggregate_last=True,
        price="60000.01000000",
        quantity="0.00050000",
        quote_quantity="30.00000500",
        maker_order_id=ORDER,
        taker_order_id=OrderId(8_225),
        taker_side=Side.SELL,
        cause=CAUSE,
    ),
    Depth(
        market=BTCUSDT,
        seq=Sequence(79),
        time=AT,
        kind=DepthKind.DIFF,
        first_seq=Sequence(77),
        bids=[("60000.00000000", "1.50000000")],
        asks=[("60000.01000000", "0.00000000"), ("60000.02000000", "2.00000000")],
    ),
    Ticker(
        market=BTCUSDT,
        seq=Sequence(77),
        time=AT,
        open_time=Millis(1_699_913_640_000),
        open="59000.00000000",
        high="61000.00000000",
        low="58000.00000000",
        last="60000.01000000",
        last_quantity="0.00050000",
        previous_close="58999.99000000",
        volume="12.50000000",
        quote_volume="750000.00000000",
        first_trade_id=3,
        last_trade_id=12,
        trades=10,
    ),
    Kline(
        market=BTCUSDT,
        seq=Sequence(77),
        time=AT,
        interval="1m",
        open_time=Millis(1_699_999_980_000),
        close_time=Millis(1_700_000_039_999),
        open="59999.00000000",
        high="60001.00000000",
        low="59998.00000000",
        close="60000.01000000",
        volume="0.50000000",
        quote_volume="30000.00000000",
        taker_volume="0.20000000",
        taker_quote_volume="12000.00000000",
        first_trade_id=9,
        last_trade_id=12,
        trades=4,
    ),
    Market(
        market=BTCUSDT,
        seq=Sequence(1),
        time=AT,
        status=MarketStatus.TRADING,
        partition=3,
        base=BTC,
        quote=USDT,
        tick_size="0.01000000",
        lot_size="0.00001000",
        min_notional="1.00000000",
        maker_fee_bps=8,
        taker_fee_bps=10,
        protection_bps=500,
        reason="an experiment",
        band_bps=700,
        band_ms=60_000,
        min_price="1.00000000",
        max_price="1000000.00000000",
        min_quantity="0.00010000",
        max_quantity="100.00000000",
        max_market_quantity="10.00000000",
        max_notional="5000000.00000000",
    ),
)

Message = AccountCommand | MarketCommand | Update | PublicEvent
SAMPLES: tuple[Message, ...] = (*ACCOUNT_COMMANDS, *MARKET_COMMANDS, *UPDATES, *PUBLIC_EVENTS)

FORMATS: dict[type, int] = {
    Deposit: 2,
    Withdraw: 2,
    PlaceOrder: 4,
    CancelOrder: 3,
    Place: 3,
    Cancel: 2,
    ConfigureMarket: 2,
    Market: 2,
    OrderUpdate: 4,
    RequestRejected: 3,
    BalanceUpdate: 2,
    AccountState: 2,
}
"""How many formats a message has had, where it is more than one."""

_KEYED = (Deposit, Withdraw)
_CANCEL_ORDER = msgspec.structs.replace(ACCOUNT_COMMANDS[4], restriction=CancelRestriction.NONE)
_BALANCE_UPDATE = UPDATES[1]
_PLACE_ORDER, _PLACE = (
    msgspec.structs.replace(order, self_trade_prevention=SelfTradePrevention.NONE)
    for order in (ACCOUNT_COMMANDS[3], MARKET_COMMANDS[0])
)
_ORDER_UPDATE = msgspec.structs.replace(
    UPDATES[0],
    self_trade_prevention=SelfTradePrevention.NONE,
    prevented=Units(0),
    prevention=None,
    replaced_by=OrderId(0),
)
_ACCOUNT_STATE = UPDATES[5]

EARLIER: tuple[tuple[Message, int], ...] = (
    *(
        (msgspec.structs.replace(command, idempotency_key=""), 1)
        for command in ACCOUNT_COMMANDS
        if isinstance(command, _KEYED)
    ),
    (msgspec.structs.replace(_CANCEL_ORDER, idempotency_key=""), 1),
    (_CANCEL_ORDER, 2),
    (msgspec.structs.replace(MARKET_COMMANDS[1], restriction=CancelRestriction.NONE), 1),
    (msgspec.structs.replace(UPDATES[3], order_id=OrderId(0), settlement=Sequence(0)), 1),
    (msgspec.structs.replace(UPDATES[3], settlement=Sequence(0)), 2),
    (msgspec.structs.replace(UPDATES[0], replaced_by=OrderId(0)), 3),
    (msgspec.structs.replace(_PLACE_ORDER, idempotency_key="", limits=None), 1),
    (msgspec.structs.replace(_PLACE_ORDER, limits=None), 2),
    (_PLACE_ORDER, 3),
    (msgspec.structs.replace(_PLACE, fees=None), 1),
    (msgspec.structs.replace(MARKET_COMMANDS[0], fees=None), 2),
    (msgspec.structs.replace(_BALANCE_UPDATE, orders=None), 1),
    (msgspec.structs.replace(_ORDER_UPDATE, amendment=None), 1),
    (_ORDER_UPDATE, 2),
    (msgspec.structs.replace(MARKET_COMMANDS[3], terms=NO_TERMS), 1),
    (
        msgspec.structs.replace(
            PUBLIC_EVENTS[4],
            reason="",
            band_bps=0,
            band_ms=0,
            min_price=NO_AMOUNT,
            max_price=NO_AMOUNT,
            min_quantity=NO_AMOUNT,
            max_quantity=NO_AMOUNT,
            max_market_quantity=NO_AMOUNT,
            max_notional=NO_AMOUNT,
        ),
        1,
    ),
    (
        msgspec.structs.replace(
            _ACCOUNT_STATE, status=AccountStatus.OPEN, reason="", fees=None, withdrawals=[]
        ),
        1,
    ),
)
"""Messages as their record of an earlier format says them, with its number."""


def record_of(message: Message) -> bytes:
    """The record that carries a message; a command is in a frame of its own."""
    match message:
        case (
            OpenAccount()
            | Deposit()
            | Withdraw()
            | PlaceOrder()
            | CancelOrder()
            | FindRequest()
            | AmendOrder()
            | CancelReplaceOrder()
            | DescribeAccount()
            | SetAccountStatus()
            | SetFees()
            | RequestWithdrawal()
            | DecideWithdrawal()
        ):
            return encode_frame(Frame[AccountCommand](FRAME_VERSION, "", Sequence(0), [message]))
        case Settle() | ReleaseName() | MoveHold():
            frame = Frame[AccountCommand](FRAME_VERSION, "matching:3", Sequence(5), [message])
            return encode_frame(frame)
        case (
            Place() | Cancel() | Replace() | ConfigureMarket() | Tick() | Amend() | CancelReplace()
        ):
            orders = Frame[MarketCommand](FRAME_VERSION, "ledger:1", Sequence(6), [message])
            return encode_frame(orders)
        case _:
            return encode_event(message)


def golden_path(message: Message, number: int | None = None) -> Path:
    """Where the golden record of a sample is: JSON as it is, MessagePack in hexadecimal.

    The first format of a message bears no number.
    """
    suffix = "json" if isinstance(message, Update | PublicEvent) else "hex"
    number = number or FORMATS.get(type(message), 1)
    numbered = f".{number}" if number > 1 else ""
    return GOLDEN / f"{type(message).__name__}{numbered}.{suffix}"


def golden_text(message: Message) -> str:
    record = record_of(message)
    is_json = golden_path(message).suffix == ".json"
    return (record.decode() if is_json else record.hex()) + "\n"


def main() -> None:
    for sample in SAMPLES:
        if not golden_path(sample).exists():
            golden_path(sample).write_text(golden_text(sample))


if __name__ == "__main__":
    main()
