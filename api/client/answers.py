"""What the exchange answers, as structs. Amounts are decimal strings, times milliseconds.

Fields that answers have and these lack are left out; see docs/api.md for all of them.
"""

from __future__ import annotations

from msgspec import Struct

Level = tuple[str, str]
"""Price and quantity."""


class Answer(Struct, frozen=True, kw_only=True, rename="camel"):
    """Fields are named in camelCase on the wire."""


class Nothing(Answer, frozen=True):
    """An empty object."""


class ServerTime(Answer, frozen=True):
    server_time: int


class Market(Answer, frozen=True):
    """A market and its rules; `filters` are as documented, by `filterType`."""

    symbol: str
    status: str
    base_asset: str
    quote_asset: str
    order_types: list[str]
    filters: list[dict[str, str | bool | int]]


class ExchangeInfo(Answer, frozen=True):
    server_time: int
    symbols: list[Market]


class OrderBook(Answer, frozen=True):
    """Levels, best first, as of the market's event `last_update_id`."""

    last_update_id: int
    bids: list[Level]
    asks: list[Level]


class Trade(Answer, frozen=True):
    id: int
    price: str
    qty: str
    quote_qty: str
    time: int
    is_buyer_maker: bool


class Candle(Struct, frozen=True, array_like=True):
    open_time: int
    open: str
    high: str
    low: str
    close: str
    volume: str
    close_time: int
    quote_volume: str
    trades: int
    taker_volume: str
    taker_quote_volume: str


class Ticker(Answer, frozen=True):
    """A span of time: the last 24 hours, a window, or a trading day."""

    symbol: str
    open_price: str
    high_price: str
    low_price: str
    last_price: str
    volume: str
    quote_volume: str
    open_time: int
    close_time: int
    first_id: int
    last_id: int
    count: int
    price_change: str
    price_change_percent: str
    weighted_avg_price: str


class Fill(Answer, frozen=True):
    price: str
    qty: str
    commission: str
    commission_asset: str
    trade_id: int


class PlacedOrder(Answer, frozen=True):
    """A new order. An ACK has the first four fields alone; `fills` are those of FULL."""

    symbol: str
    order_id: int
    client_order_id: str
    transact_time: int
    price: str = ""
    orig_qty: str = ""
    executed_qty: str = ""
    cummulative_quote_qty: str = ""
    status: str = ""
    time_in_force: str = ""
    type: str = ""
    side: str = ""
    fills: list[Fill] = []


class CanceledOrder(Answer, frozen=True):
    symbol: str
    order_id: int
    orig_client_order_id: str
    transact_time: int
    executed_qty: str
    status: str


class Order(Answer, frozen=True):
    symbol: str
    order_id: int
    client_order_id: str
    price: str
    orig_qty: str
    executed_qty: str
    cummulative_quote_qty: str
    status: str
    time_in_force: str
    type: str
    side: str
    time: int
    update_time: int


class AccountTrade(Answer, frozen=True):
    symbol: str
    id: int
    order_id: int
    price: str
    qty: str
    quote_qty: str
    commission: str
    commission_asset: str
    time: int
    is_buyer: bool
    is_maker: bool


class Balance(Answer, frozen=True):
    asset: str
    free: str
    locked: str


class Account(Answer, frozen=True):
    can_trade: bool
    update_time: int
    balances: list[Balance]
