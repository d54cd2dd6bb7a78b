"""Events: what machines say. JSON, one a record.

Those on private topics hold integers in units; those on public topics hold decimal strings and
are a contract with other teams: fields are added, never changed or removed.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from streams.messages.commands import AccountFees
from streams.messages.units import Millis, Offset, Sequence, Units
from streams.messages.vocabulary import (
    AccountId,
    AccountStatus,
    Asset,
    Execution,
    MarketId,
    MarketStatus,
    OrderId,
    OrderStatus,
    OrderType,
    Reason,
    RequestId,
    SelfTradePrevention,
    Side,
    TimeInForce,
    WithdrawalStatus,
)

# -- events on `updates`, private: amounts are integers in units ---------------------------------


class Cause(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The command an event came from: its place in the topic its machine reads."""

    partition: int
    offset: Offset
    index: int


class _Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """An event of one account, named by (source, seq): the source's numbering of what it writes to
    this partition of `updates`, gapless, so that a reader can drop what it has seen.
    """

    source: str
    seq: Sequence
    at: Millis
    cause: Cause
    account: AccountId


class Amendment(msgspec.Struct, frozen=True, gc=False):
    """What an amended order was before: its client order id, and its quantity in units."""

    client_order_id: str
    quantity: Units


class PreventedMatch(msgspec.Struct, frozen=True, gc=False):
    """Two orders of one account that would have traded; named by its market's event.

    What of each was prevented is in units of the base asset, 0 where it was left as it is.
    """

    maker_order_id: OrderId
    taker_order_id: OrderId
    mode: SelfTradePrevention
    price: Units
    maker_quantity: Units
    taker_quantity: Units


class OrderUpdate(_Event, frozen=True, tag="order"):
    """What happened to an order, and how it stands since.

    `price`, `quantity` and the amounts are in units; `executed` and `executed_quote` are totals,
    `last_*` those of this trade. `market_seq` names the market's event, 0 for a rejection.
    `settlement` is the number, in the market's stream to the account's ledger, of the settlement
    that follows from this event, 0 if none does. `last` marks the last update that the command
    in `cause` makes for its own order while the order stays open; one that closes an order is the
    last anyway. `prevented` is what of `quantity` self-trade prevention has taken in all, and
    `prevention` what this event took. An order that was cancelled for another to be placed says
    which in `replaced_by`: the updates of that one follow, and answer the same request.
    """

    market: MarketId
    request: RequestId
    order_id: OrderId
    client_order_id: str
    execution: Execution
    status: OrderStatus
    side: Side
    order_type: OrderType
    time_in_force: TimeInForce
    price: Units
    quantity: Units
    created: Millis
    budget: Units = Units(0)
    executed: Units = Units(0)
    executed_quote: Units = Units(0)
    market_seq: Sequence = Sequence(0)
    trade_id: int = 0
    last_price: Units = Units(0)
    last_quantity: Units = Units(0)
    last_quote: Units = Units(0)
    fee: Units = Units(0)
    fee_asset: Asset = Asset("")
    is_maker: bool = False
    reason: Reason = Reason.NONE
    settlement: Sequence = Sequence(0)
    last: bool = False
    amendment: Amendment | None = None
    self_trade_prevention: SelfTradePrevention = SelfTradePrevention.NONE
    prevented: Units = Units(0)
    prevention: PreventedMatch | None = None
    replaced_by: OrderId = OrderId(0)


class Balance(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What an account has of an asset: free to use, and held for open orders."""

    asset: Asset
    available: Units
    held: Units


class OrderCounts(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An account's unfilled orders, in the ten seconds and in the day that an event is in."""

    ten_seconds: int
    day: int


class BalanceChange(StrEnum):
    DEPOSIT = "DEPOSIT"
    WITHDRAWAL = "WITHDRAWAL"
    HOLD = "HOLD"
    RELEASE = "RELEASE"
    PAYOUT = "PAYOUT"
    SETTLEMENT = "SETTLEMENT"


class BalanceUpdate(_Event, frozen=True, tag="balance"):
    """The balances a command changed, as they are since.

    `request` is the request that did it, 0 for a settlement; then `settled` is the settlement's
    name, as (source, seq). `orders` comes with the hold for an order that was counted. `came_in` is
    the amount of a deposit, negative for what went out: of the one balance that it changed.
    """

    change: BalanceChange
    balances: list[Balance]
    request: RequestId = RequestId(0)
    settled: tuple[str, Sequence] | None = None
    orders: OrderCounts | None = None
    came_in: Units = Units(0)


class AccountOpened(_Event, frozen=True, tag="account"):
    request: RequestId


class Withdrawal(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What an account asked to take out under a reference of its own; times are the log's.

    `decided` is 0 while it is pending; `reason` is for people.
    """

    reference: str
    asset: Asset
    amount: Units
    requested: Millis
    status: WithdrawalStatus
    decided: Millis = Millis(0)
    reason: str = ""


class WithdrawalUpdate(_Event, frozen=True, tag="withdrawal"):
    """How a withdrawal stands after a request about it, which may have changed nothing."""

    request: RequestId
    withdrawal: Withdrawal


class AccountState(_Event, frozen=True, tag="state"):
    """How an account stands, as `request` asked or since `request` changed it.

    `reason` says why it is not open, `fees` what it pays in place of markets' own.
    """

    request: RequestId
    orders: OrderCounts
    status: AccountStatus = AccountStatus.OPEN
    reason: str = ""
    fees: AccountFees | None = None
    withdrawals: list[Withdrawal] = []


class RequestRejected(_Event, frozen=True, tag="rejected"):
    """A request was refused and changed nothing.

    An order that is refused has an `OrderUpdate` instead, unless it was not looked at, since its
    idempotency key was that of another request. Where only its cancel was refused, the updates of
    the order that it places, `order_id`, follow. `settlement` is as in `OrderUpdate`: where the
    order was not tried, it gives back what was held for it.
    """

    request: RequestId
    reason: Reason
    order_id: OrderId = OrderId(0)
    settlement: Sequence = Sequence(0)


class RequestRepeated(_Event, frozen=True, tag="repeated"):
    """A request repeats the earlier request `first`, by its idempotency key, and changed nothing.

    Its answer is what became of `first`, in updates since `first_at`, the log's time of it.
    """

    request: RequestId
    first: RequestId
    first_at: Millis


Update = (
    OrderUpdate
    | BalanceUpdate
    | AccountOpened
    | RequestRejected
    | RequestRepeated
    | AccountState
    | WithdrawalUpdate
)


# -- events on public topics: amounts are decimal strings ----------------------------------------


class _Public(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An event named by (market, seq)."""

    market: MarketId
    seq: Sequence
    time: Millis


class Trade(_Public, frozen=True):
    """Two orders met. `trade_id` counts a market's trades from 1.

    Trades of one taker order at one price make an aggregate; `aggregate_last` marks its last.
    `cause` is the place of the taker's command in `orders`: partition, offset, index.
    """

    trade_id: int
    aggregate_id: int
    aggregate_last: bool
    price: str
    quantity: str
    quote_quantity: str
    maker_order_id: OrderId
    taker_order_id: OrderId
    taker_side: Side
    cause: Cause


class DepthKind(StrEnum):
    DIFF = "diff"
    SNAPSHOT = "snapshot"


class Depth(_Public, frozen=True):
    """A change of a market's book, or all of it.

    Levels are (price, quantity), best first; a quantity is absolute, and zero removes the level.
    A diff covers the market's events `first_seq` to `seq`; each `first_seq` is the last `seq` + 1.
    A snapshot is the book as it stands after event `seq`, and its `first_seq` is its `seq`.
    """

    kind: DepthKind
    first_seq: Sequence
    bids: list[tuple[str, str]]
    asks: list[tuple[str, str]]


class Ticker(_Public, frozen=True):
    """A market's last 24 hours, up to trade `last_trade_id`; `seq` is that trade's."""

    open_time: Millis
    open: str
    high: str
    low: str
    last: str
    last_quantity: str
    previous_close: str
    volume: str
    quote_volume: str
    first_trade_id: int
    last_trade_id: int
    trades: int


class Kline(_Public, frozen=True):
    """A candle, up to trade `last_trade_id`; `seq` is that trade's. Times are inclusive.

    `taker_*` is the share of the volume in which the taker bought.
    """

    interval: str
    open_time: Millis
    close_time: Millis
    open: str
    high: str
    low: str
    close: str
    volume: str
    quote_volume: str
    taker_volume: str
    taker_quote_volume: str
    first_trade_id: int
    last_trade_id: int
    trades: int


NO_AMOUNT = "0.00000000"


class Market(_Public, frozen=True):
    """A market's configuration since its event `seq`; fees in basis points.

    `reason` says why its status is what it is. It halts itself where its price moves by more than
    `band_bps` within `band_ms` milliseconds, if these are not 0. A bound of 0 is none.
    """

    status: MarketStatus
    partition: int
    base: Asset
    quote: Asset
    tick_size: str
    lot_size: str
    min_notional: str
    maker_fee_bps: int
    taker_fee_bps: int
    protection_bps: int
    reason: str = ""
    band_bps: int = 0
    band_ms: int = 0
    min_price: str = NO_AMOUNT
    max_price: str = NO_AMOUNT
    min_quantity: str = NO_AMOUNT
    max_quantity: str = NO_AMOUNT
    max_market_quantity: str = NO_AMOUNT
    max_notional: str = NO_AMOUNT


_json = msgspec.json.Encoder()

updates = msgspec.json.Decoder(Update)
trades = msgspec.json.Decoder(Trade)
depths = msgspec.json.Decoder(Depth)
tickers = msgspec.json.Decoder(Ticker)
klines = msgspec.json.Decoder(Kline)
markets = msgspec.json.Decoder(Market)

PublicEvent = Trade | Depth | Ticker | Kline | Market


def encode_event(event: Update | PublicEvent) -> bytes:
    """The record of `updates`, or of a public topic, that carries an event."""
    return _json.encode(event)
