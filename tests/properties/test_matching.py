"""The market machine against a naive one, on streams of commands that nobody thought of."""

from __future__ import annotations

from typing import assert_never

from hypothesis import given, settings

from streams.matching.market import Market
from streams.matching.outcomes import (
    Accepted,
    Amended,
    Cancelled,
    Expired,
    Outcome,
    Prevented,
    Rejected,
    Replaced,
    Traded,
)
from streams.messages import Millis, SelfTradePrevention, Side
from tests.properties.naive_market import REFUSED, NaiveMarket, NaiveOrder, Said
from tests.properties.orders import Order, orders
from tests.unit.matching.floor import LOT, TICK_LOT, config

MIN_NOTIONAL = 60


@settings(max_examples=60, deadline=None)
@given(orders)
def test_it_says_and_does_what_the_naive_market_does(commands: list[Order]) -> None:
    market = Market(config(min_notional=MIN_NOTIONAL))
    naive = NaiveMarket(TICK_LOT, LOT, MIN_NOTIONAL)
    for command in commands:
        outcomes = market.apply(command, Millis(1))
        assert [_said(outcome) for outcome in outcomes] == naive.apply(command)
        _assert_no_self_trade(outcomes)
        _assert_same_book(market, naive)
        _assert_not_crossed(market)


def _assert_no_self_trade(outcomes: list[Outcome]) -> None:
    """Who asked for it never trades with an order of its own account."""
    for outcome in outcomes:
        if isinstance(outcome, Traded):
            taker = outcome.taker
            allowed = taker.self_trade_prevention is SelfTradePrevention.NONE
            assert allowed or outcome.maker.account != taker.account


def _said(outcome: Outcome) -> Said:
    match outcome:
        case Traded():
            return (
                "trade",
                outcome.seq,
                outcome.trade_id,
                outcome.price,
                outcome.quantity,
                outcome.maker.order_id,
                outcome.taker.order_id,
            )
        case Accepted(seq=seq, order=order):
            return ("accepted", seq, order.order_id)
        case Replaced(seq=seq, order=order):
            return ("replaced", seq, order.order_id)
        case Prevented():
            return (
                "prevented",
                outcome.seq,
                outcome.taker.order_id,
                outcome.maker.order_id,
                outcome.taker_lots,
                outcome.maker_lots,
            )
        case Amended(seq=seq, order=order):
            return ("amended", seq, order.order_id, order.quantity + order.prevented)
        case Cancelled(seq=seq, order=order):
            return ("cancelled", seq, order.order_id)
        case Expired(seq=seq, order=order, rest=rest, filled=filled):
            return ("expired", seq, order.order_id, rest, filled)
        case Rejected():
            return REFUSED
        case _:
            assert_never(outcome)


def _assert_same_book(market: Market, naive: NaiveMarket) -> None:
    book = market.book
    for side, levels in ((Side.BUY, book.bids), (Side.SELL, book.asks)):
        # What the other side would trade with is the whole of this one, in its order.
        expected = naive.makers(Side.SELL if side is Side.BUY else Side.BUY, None)
        queues = [list(book.queue(level)) for level in levels]
        assert [
            (order.order_id, order.price, order.remaining) for queue in queues for order in queue
        ] == [_row(order) for order in expected]
        for level, queue in zip(levels, queues, strict=True):
            assert level.quantity == sum(order.remaining for order in queue)
    assert len(book) == len(naive.orders)


def _row(order: NaiveOrder) -> tuple[int, int, int]:
    return order.order_id, order.price, order.open


def _assert_not_crossed(market: Market) -> None:
    bids, asks = market.book.bids.ranks, market.book.asks.ranks
    assert not (bids and asks) or bids[-1] < -asks[-1]
