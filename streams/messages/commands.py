"""Commands: what machines are told. MessagePack, several in a frame."""

from __future__ import annotations

from typing import Generic, TypeVar

import msgspec

from streams.messages.units import Lots, Sequence, Ticks, Units
from streams.messages.vocabulary import (
    NO_TERMS,
    AccountId,
    AccountStatus,
    Asset,
    CancelRestriction,
    MarketConfig,
    MarketId,
    MarketTerms,
    OrderId,
    OrderType,
    Reason,
    RequestId,
    SelfTradePrevention,
    Side,
    TimeInForce,
)

FRAME_VERSION = 1
FRAME_BYTES_MAX = 512 * 1024


class _Command(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Travels as an array, its tag first: fields are only ever added at the end, with a default."""


# -- commands to a ledger ------------------------------------------------------------------------


class OpenAccount(_Command, frozen=True, tag=1):
    account: AccountId


class Deposit(_Command, frozen=True, tag=2):
    """Credit `amount` units that came in from outside.

    Of two commands of an account under one `idempotency_key`, within 24 hours, the second does
    nothing: it is answered with `RequestRepeated`.
    """

    account: AccountId
    asset: Asset
    amount: Units
    reference: str
    idempotency_key: str = ""


class Withdraw(_Command, frozen=True, tag=3):
    """Debit `amount` units that go outside; refused when not available."""

    account: AccountId
    asset: Asset
    amount: Units
    reference: str
    idempotency_key: str = ""


TEN_SECONDS_MS = 10_000
DAY_MS = 24 * 3_600_000
"""The windows in which orders are counted: whole ones, of the log's time in UTC."""


class OrderLimits(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """How many unfilled orders an account may place in ten seconds and in a day; 0 is no limit."""

    ten_seconds: int
    day: int


class PlaceOrder(_Command, frozen=True, tag=4):
    """Hold `hold` units of `hold_asset`, then pass the order on to its market.

    `price` is the limit; for MARKET it is the worst price the order may trade at. `budget` is the
    quote amount of a MARKET order given by quote amount, in units; its `quantity` is 0 then.
    `limits` are those that its api keeps; an order without them is not counted.
    """

    account: AccountId
    market: MarketId
    market_partition: int
    client_order_id: str
    side: Side
    order_type: OrderType
    time_in_force: TimeInForce
    price: Ticks
    quantity: Lots
    budget: Units
    hold_asset: Asset
    hold: Units
    idempotency_key: str = ""
    limits: OrderLimits | None = None
    self_trade_prevention: SelfTradePrevention = SelfTradePrevention.NONE


class CancelOrder(_Command, frozen=True, tag=5):
    """Cancel an open order, named by its id or, where that is 0, by its client order id."""

    account: AccountId
    market: MarketId
    market_partition: int
    order_id: OrderId
    client_order_id: str
    idempotency_key: str = ""
    restriction: CancelRestriction = CancelRestriction.NONE


class Settle(_Command, frozen=True, tag=6):
    """A market's account of what one event did to the funds held for an order.

    From what is held, `paid` leaves the account and `released` becomes available again;
    `received` (net) and `fee` are of `received_asset`. `done` says that the order is closed and
    nothing of its hold is left.
    """

    account: AccountId
    order_id: OrderId
    received_asset: Asset
    paid: Units
    received: Units
    fee: Units
    released: Units
    done: bool


class FindRequest(_Command, frozen=True, tag=7):
    """Ask which request bore a key; changes nothing.

    Answered with `RequestRepeated`, or refused where none is remembered.
    """

    account: AccountId
    idempotency_key: str


class AccountFees(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What an account pays in place of a market's own fees, in basis points."""

    maker_bps: int
    taker_bps: int


class SetAccountStatus(_Command, frozen=True, tag=11):
    """Freeze an account, open it again, or close it when it is empty; `reason` is for people."""

    account: AccountId
    status: AccountStatus
    reason: str


class SetFees(_Command, frozen=True, tag=12):
    """From the next order on, let an account pay these fees; without any, each market's own."""

    account: AccountId
    fees: AccountFees | None


class RequestWithdrawal(_Command, frozen=True, tag=13):
    """Hold `amount` units until it is decided whether they are paid out.

    The same request under the same `reference` does nothing again.
    """

    account: AccountId
    asset: Asset
    amount: Units
    reference: str


class DecideWithdrawal(_Command, frozen=True, tag=14):
    """Pay a pending withdrawal out, or release what is held for it; `reason` is for people."""

    account: AccountId
    reference: str
    approved: bool
    reason: str


class DescribeAccount(_Command, frozen=True, tag=10):
    """Ask how an account stands; changes nothing. Answered with `AccountState`."""

    account: AccountId


class AmendOrder(_Command, frozen=True, tag=8):
    """Reduce an open order to `quantity` lots in all, executed ones included; it keeps its place.

    It is named as in `CancelOrder`, and goes by `new_client_order_id` from then on.
    """

    account: AccountId
    market: MarketId
    market_partition: int
    order_id: OrderId
    client_order_id: str
    new_client_order_id: str
    quantity: Lots
    idempotency_key: str = ""


class ReleaseName(_Command, frozen=True, tag=9):
    """A market's word on an amendment: an open order does not go by this client order id.

    It is the order's former one, or the one it would have had if it had been amended.
    """

    account: AccountId
    order_id: OrderId
    client_order_id: str


class CancelReplaceOrder(_Command, frozen=True, tag=15):
    """Cancel an open order and place another on the same market, with nothing between the two.

    What `cancel` and `order` say of idempotency is not looked at. With `stop_on_failure` the order
    is placed only if the other was cancelled. Where the account has placed as many orders as it
    may, nothing is done, unless `cancel_when_limited` says to cancel all the same. The new order
    may use the funds that were held for the old one.
    """

    account: AccountId
    cancel: CancelOrder
    order: PlaceOrder
    stop_on_failure: bool
    cancel_when_limited: bool = False
    idempotency_key: str = ""


class MoveHold(_Command, frozen=True, tag=16):
    """A market's word that so much of what is held for one open order is held for another now."""

    account: AccountId
    from_order_id: OrderId
    order_id: OrderId
    amount: Units


AccountCommand = (
    OpenAccount
    | Deposit
    | Withdraw
    | PlaceOrder
    | CancelOrder
    | Settle
    | FindRequest
    | AmendOrder
    | ReleaseName
    | DescribeAccount
    | SetAccountStatus
    | SetFees
    | RequestWithdrawal
    | DecideWithdrawal
    | CancelReplaceOrder
    | MoveHold
)


# -- commands to a market ------------------------------------------------------------------------


class Place(_Command, frozen=True, tag=1):
    """An order whose funds are held. Fields as in `PlaceOrder`.

    `fees` are those of its account, where they are not the market's own.
    """

    order_id: OrderId
    account: AccountId
    market: MarketId
    client_order_id: str
    side: Side
    order_type: OrderType
    time_in_force: TimeInForce
    price: Ticks
    quantity: Lots
    budget: Units
    hold: Units
    self_trade_prevention: SelfTradePrevention = SelfTradePrevention.NONE
    fees: AccountFees | None = None


class Cancel(_Command, frozen=True, tag=2):
    request: RequestId
    order_id: OrderId
    account: AccountId
    market: MarketId
    restriction: CancelRestriction = CancelRestriction.NONE


class Replace(_Command, frozen=True, tag=3):
    """Give a resting order a new price and a new open quantity; it loses its priority.

    `hold` is what was held in addition for it.
    """

    request: RequestId
    order_id: OrderId
    account: AccountId
    market: MarketId
    price: Ticks
    quantity: Lots
    hold: Units


class ConfigureMarket(_Command, frozen=True, tag=4):
    """Create a market, or change what of it can change: minimum notional, fees, status, terms."""

    config: MarketConfig
    terms: MarketTerms = NO_TERMS


class Tick(_Command, frozen=True, tag=5):
    """Time has passed, and nothing else has come: the record's own time says how much.

    A worker sends it to a partition of its own that has been quiet, so that what is due by time
    happens there as well.
    """


class Amend(_Command, frozen=True, tag=6):
    """Reduce a resting order to `quantity` lots in all; it keeps its place and takes a new name."""

    request: RequestId
    order_id: OrderId
    account: AccountId
    market: MarketId
    client_order_id: str
    quantity: Lots


class CancelReplace(_Command, frozen=True, tag=7):
    """Cancel a resting order, if there is one of this id, and place another.

    Of the new order's hold `lacking` is to come from what is held for the old one. `refusal` is why
    its ledger refused the new one, which holds nothing then.
    """

    order_id: OrderId
    restriction: CancelRestriction
    stop_on_failure: bool
    lacking: Units
    refusal: Reason
    place: Place

    @property
    def account(self) -> AccountId:
        return self.place.account

    @property
    def market(self) -> MarketId:
        return self.place.market

    @property
    def request(self) -> RequestId:
        return RequestId(self.place.order_id)


MarketCommand = Place | Cancel | Replace | ConfigureMarket | Tick | Amend | CancelReplace


# -- frames --------------------------------------------------------------------------------------


Command = TypeVar("Command", AccountCommand, MarketCommand)


class Frame(msgspec.Struct, Generic[Command], frozen=True, array_like=True, gc=False):
    """One record of `commands` or `orders`: 1 to `FRAME_COMMANDS_MAX` commands of one source.

    `source` names an internal sender (`ledger:0`, `matching:3`); its commands are numbered without
    a gap for each partition it writes to, from `first_seq`. The api's frames have no source.
    """

    version: int
    source: str
    first_seq: Sequence
    commands: list[Command]


_pack = msgspec.msgpack.Encoder()

account_frames = msgspec.msgpack.Decoder(Frame[AccountCommand])
"""Decodes a record of `commands`."""

market_frames = msgspec.msgpack.Decoder(Frame[MarketCommand])
"""Decodes a record of `orders`."""


def encode_frame(frame: Frame[AccountCommand] | Frame[MarketCommand]) -> bytes:
    """The record of `commands` or `orders` that carries a frame."""
    return _pack.encode(frame)
