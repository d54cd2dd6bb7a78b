"""The words of an exchange: names, closed sets, and how commands and markets are named."""

from __future__ import annotations

import zlib
from enum import StrEnum
from typing import Final, NewType

import msgspec

from streams.messages.units import UNIT, Units

AccountId = NewType("AccountId", str)
MarketId = NewType("MarketId", str)
Asset = NewType("Asset", str)
OrderId = NewType("OrderId", int)
RequestId = NewType("RequestId", int)

FRAME_COMMANDS_MAX = 256
ACCOUNT_PARTITIONS_MAX = 32

REQUEST_MAX: Final = (1 << 53) - 1
"""No request is named by more: see `request_id`."""

AMENDMENTS_MAX = 10
"""How often one order may be amended."""


def request_id(partition: int, offset: int, index: int) -> RequestId:
    """Name the command at `index` of the frame at `offset` of a partition of `commands`.

    Unique, rising within a partition, and below 2⁵³, so that it survives JavaScript: an offset
    takes 40 bits (2⁶ epochs of 2³⁴ frames, see `epoch`), an index 8, a partition 5.
    """
    place = (offset + 1) * FRAME_COMMANDS_MAX + index
    return RequestId(place * ACCOUNT_PARTITIONS_MAX + partition)


def partition_of_request(request: int) -> int:
    """The partition of `commands` (and of `updates`) that a request, and so an order, came from."""
    return request % ACCOUNT_PARTITIONS_MAX


def partition_of_account(account: str, partitions: int) -> int:
    """The partition of `commands` and of `updates` that carries an account."""
    return zlib.crc32(account.encode()) % partitions


class Side(StrEnum):
    BUY = "BUY"
    SELL = "SELL"


class OrderType(StrEnum):
    LIMIT = "LIMIT"
    LIMIT_MAKER = "LIMIT_MAKER"
    MARKET = "MARKET"


class TimeInForce(StrEnum):
    GTC = "GTC"
    IOC = "IOC"
    FOK = "FOK"


class SelfTradePrevention(StrEnum):
    """What becomes of an order that would trade with one of its own account: the taker's governs.

    As Binance Spot names them; `NONE` lets them trade.
    """

    NONE = "NONE"
    EXPIRE_TAKER = "EXPIRE_TAKER"
    EXPIRE_MAKER = "EXPIRE_MAKER"
    EXPIRE_BOTH = "EXPIRE_BOTH"
    DECREMENT = "DECREMENT"


class CancelRestriction(StrEnum):
    """Which orders alone a cancel is for."""

    NONE = ""
    ONLY_NEW = "ONLY_NEW"
    ONLY_PARTIALLY_FILLED = "ONLY_PARTIALLY_FILLED"


class MarketStatus(StrEnum):
    TRADING = "TRADING"
    HALT = "HALT"
    CANCEL_ONLY = "CANCEL_ONLY"
    BREAK = "BREAK"


class AccountStatus(StrEnum):
    """A frozen account places no orders and takes nothing out; a closed one is empty for good."""

    OPEN = "OPEN"
    FROZEN = "FROZEN"
    CLOSED = "CLOSED"


class WithdrawalStatus(StrEnum):
    """Held until somebody decides; then paid out, or free to use again."""

    PENDING = "PENDING"
    PAID = "PAID"
    REFUSED = "REFUSED"


class OrderStatus(StrEnum):
    """Where an order stands, as Binance Spot names it."""

    NEW = "NEW"
    PARTIALLY_FILLED = "PARTIALLY_FILLED"
    FILLED = "FILLED"
    CANCELED = "CANCELED"
    REJECTED = "REJECTED"
    EXPIRED = "EXPIRED"
    EXPIRED_IN_MATCH = "EXPIRED_IN_MATCH"

    @property
    def is_open(self) -> bool:
        return self in (OrderStatus.NEW, OrderStatus.PARTIALLY_FILLED)


class Execution(StrEnum):
    """What an `OrderUpdate` reports, as Binance Spot's execution types name it."""

    NEW = "NEW"
    TRADE = "TRADE"
    CANCELED = "CANCELED"
    REPLACED = "REPLACED"
    REJECTED = "REJECTED"
    EXPIRED = "EXPIRED"
    TRADE_PREVENTION = "TRADE_PREVENTION"


class Reason(StrEnum):
    """Why a command was refused, or an order expired."""

    NONE = ""
    ACCOUNT_EXISTS = "account exists"
    UNKNOWN_ACCOUNT = "unknown account"
    INSUFFICIENT_BALANCE = "insufficient balance"
    AMOUNT_OUT_OF_RANGE = "amount out of range"
    DUPLICATE_ORDER_ID = "duplicate order id"
    UNKNOWN_ORDER = "unknown order"
    UNKNOWN_MARKET = "unknown market"
    KEY_REUSED = "idempotency key reused"
    UNKNOWN_KEY = "unknown idempotency key"
    ACCOUNT_FROZEN = "account frozen"
    ACCOUNT_CLOSED = "account closed"
    ACCOUNT_NOT_EMPTY = "account not empty"
    UNKNOWN_WITHDRAWAL = "unknown withdrawal"
    REFERENCE_REUSED = "reference reused"
    WITHDRAWAL_DECIDED = "withdrawal decided otherwise"
    TOO_MANY_WITHDRAWALS = "too many withdrawals"
    TOO_MANY_ORDERS = "too many orders"
    TOO_MANY_ORDERS_TODAY = "too many orders today"
    MARKET_EXISTS = "market exists"
    MARKET_CLOSED = "market closed"
    PRICE_FILTER = "price filter"
    LOT_SIZE = "lot size"
    MARKET_LOT_SIZE = "market lot size"
    MIN_NOTIONAL = "min notional"
    MAX_NOTIONAL = "max notional"
    HOLD_TOO_SMALL = "hold too small"
    NOTHING_CHANGES = "nothing changes"
    QUANTITY_INCREASED = "quantity increased"
    QUANTITY_EXECUTED = "quantity executed already"
    CANCEL_RESTRICTED = "cancel restricted"
    TOO_MANY_AMENDMENTS = "too many amendments"
    WOULD_TAKE = "would take"
    INVALID_COMBINATION = "invalid combination"
    IMMEDIATE_OR_CANCEL = "immediate or cancel"
    FILL_OR_KILL = "fill or kill"
    NO_LIQUIDITY = "no liquidity"
    SELF_TRADE = "self trade"
    LOST = "lost in a recovery"


class MarketConfig(msgspec.Struct, frozen=True, array_like=True):
    """How a market counts and what it charges.

    `tick` is the price step in quote units for one whole base asset, `lot` the quantity step in
    base units, `min_notional` in quote units, fees in basis points of what is received.
    `protection_bps` bounds how far from the best price a MARKET order may trade.
    """

    market: MarketId
    partition: int
    base: Asset
    quote: Asset
    tick: Units
    lot: Units
    min_notional: Units
    maker_fee_bps: int
    taker_fee_bps: int
    protection_bps: int = 500
    status: MarketStatus = MarketStatus.TRADING

    @property
    def tick_lot(self) -> int:
        """The value of one lot at a price of one tick, in quote units; whole by construction."""
        value, rest = divmod(self.tick * self.lot, UNIT)
        if rest or not value:
            raise ValueError(f"{self.market}: tick x lot is not a whole number of quote units")
        return value


class MarketTerms(msgspec.Struct, frozen=True, array_like=True):
    """What else holds on a market; most have none of it.

    `reason` says to people why its status is what it is. Where the price moves by more than
    `band_bps` basis points within `band_ms` milliseconds of the log's time, the market halts
    itself; 0 for never. The others bound, in units, an order's price, its quantity, that of a
    MARKET order, and what an order is worth in the quote asset; 0 for no bound of its own.
    """

    reason: str = ""
    band_bps: int = 0
    band_ms: int = 0
    min_price: Units = Units(0)
    max_price: Units = Units(0)
    min_quantity: Units = Units(0)
    max_quantity: Units = Units(0)
    max_market_quantity: Units = Units(0)
    max_notional: Units = Units(0)


NO_TERMS = MarketTerms()
