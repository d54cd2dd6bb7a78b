"""Streams of commands to one market, made by Hypothesis: few prices, few orders, so they meet."""

from __future__ import annotations

from hypothesis import strategies as st

from streams.messages import (
    AccountId,
    Amend,
    Cancel,
    Lots,
    MarketId,
    OrderId,
    OrderType,
    Place,
    Replace,
    RequestId,
    SelfTradePrevention,
    Side,
    Ticks,
    TimeInForce,
    Units,
    request_id,
)
from tests.unit.matching.floor import LOT, TICK_LOT

MARKET = MarketId("BTCUSDT")
ACCOUNT_PARTITIONS = 2

Order = Place | Cancel | Replace | Amend


def _order_id(number: int) -> OrderId:
    return OrderId(request_id(number % ACCOUNT_PARTITIONS, number, 0))


def _account(number: int) -> AccountId:
    return AccountId("ab"[number % 2])


KINDS = [
    *[(OrderType.LIMIT, TimeInForce.GTC)] * 8,
    (OrderType.LIMIT, TimeInForce.IOC),
    (OrderType.LIMIT, TimeInForce.FOK),
    (OrderType.LIMIT_MAKER, TimeInForce.GTC),
    (OrderType.LIMIT_MAKER, TimeInForce.GTC),
    (OrderType.LIMIT_MAKER, TimeInForce.IOC),
    (OrderType.MARKET, TimeInForce.GTC),
    (OrderType.MARKET, TimeInForce.GTC),
    (OrderType.MARKET, TimeInForce.FOK),
]
SURPLUS = [0] * 9 + [13, -1]


def _hold(side: Side, price: int, quantity: int, surplus: int) -> Units:
    need = price * quantity * TICK_LOT if side is Side.BUY else quantity * LOT
    return Units(max(need + surplus, 0))


@st.composite
def _place(draw: st.DrawFn) -> Place:
    number, side = draw(_number), draw(_side)
    order_type, tif = draw(st.sampled_from(KINDS))
    price, quantity, budget = draw(_prices[side]), draw(_quantity), 0
    if order_type is OrderType.MARKET:
        price = draw(st.sampled_from([0, 0, price]))
        budget = draw(st.sampled_from([0, 0, 95, 333, 1_000]))
        hold = Units(draw(st.integers(0, 9_000)))
        if budget:
            quantity = draw(st.sampled_from([0, 0, 0, quantity]))
    else:
        hold = _hold(side, price, quantity, draw(st.sampled_from(SURPLUS)))
    return Place(
        _order_id(number),
        _account(number),
        MARKET,
        f"c{number}",
        side,
        order_type,
        tif,
        Ticks(price),
        Lots(quantity),
        Units(budget),
        hold,
        draw(_modes),
    )


@st.composite
def _cancel(draw: st.DrawFn) -> Cancel:
    number, stranger = draw(_number), draw(st.sampled_from([0, 0, 0, 1]))
    order_id = _order_id(number)
    return Cancel(RequestId(order_id), order_id, _account(number + stranger), MARKET)


@st.composite
def _replace(draw: st.DrawFn) -> Replace:
    number = draw(_number)
    order_id = _order_id(number)
    return Replace(
        RequestId(order_id),
        order_id,
        _account(number),
        MARKET,
        Ticks(draw(st.integers(3, 9))),
        Lots(draw(_quantity)),
        Units(draw(st.sampled_from([0, 50, 5_000]))),
    )


@st.composite
def _amend(draw: st.DrawFn) -> Amend:
    number = draw(_number)
    order_id = _order_id(number)
    # Mostly back to the name it had: what leads to it is its ledger's affair.
    name = f"c{number}" if draw(st.booleans()) else f"d{number}"
    quantity = Lots(draw(st.integers(0, 6)))
    return Amend(RequestId(order_id), order_id, _account(number), MARKET, name, quantity)


_number = st.integers(1, 24)
_side = st.sampled_from(Side)
# Most orders rest, several at a price; a few cross.
_prices = {
    Side.BUY: st.sampled_from([0, 3, 4, 5, 5, 5, 5, 6, 6, 6, 7, 9]),
    Side.SELL: st.sampled_from([9, 8, 7, 7, 7, 7, 6, 6, 6, 5, 3]),
}
_modes = st.sampled_from([SelfTradePrevention.NONE] * 4 + list(SelfTradePrevention))
_quantity = st.sampled_from([0, *range(1, 10), *range(4, 10)])
_kinds: list[st.SearchStrategy[Order]] = [*[_place()] * 5, _cancel(), _replace(), _amend()]

# Lists are mostly little longer than they must be; in a short one few orders meet.
orders = st.lists(st.sampled_from(_kinds).flatmap(lambda kind: kind), min_size=16, max_size=50)
"""A stream of commands in which many orders meet and some are refused."""
