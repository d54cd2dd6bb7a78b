"""Aggregates put together from stored trades are those that the market made."""

from __future__ import annotations

from api.handlers.aggregate_trades import group
from streams.messages import Cause, MarketId, Millis, Offset, OrderId, Sequence, Side, Trade


def trade(trade_id: int, aggregate_id: int, last: bool) -> Trade:
    return Trade(
        market=MarketId("BTCUSDT"),
        seq=Sequence(trade_id),
        time=Millis(aggregate_id),
        trade_id=trade_id,
        aggregate_id=aggregate_id,
        aggregate_last=last,
        price="100.00000000",
        quantity="1.00000000",
        quote_quantity="100.00000000",
        maker_order_id=OrderId(1),
        taker_order_id=OrderId(2),
        taker_side=Side.BUY,
        cause=Cause(0, Offset(0), 0),
    )


ONE = [trade(1, 1, False), trade(2, 1, True)]
TWO = [trade(3, 2, True)]
THREE = [trade(4, 3, False), trade(5, 3, False), trade(6, 3, True)]


def spans(trades: list[Trade], first_is_whole: bool) -> list[tuple[int, int, str]]:
    return [
        (each.first_trade_id, each.last_trade_id, each.quantity)
        for each in group(trades, first_is_whole)
    ]


def test_trades_of_one_taker_at_one_price_are_one() -> None:
    assert spans([*ONE, *TWO, *THREE], True) == [
        (1, 2, "2.00000000"),
        (3, 3, "1.00000000"),
        (4, 6, "3.00000000"),
    ]


def test_an_aggregate_is_left_out_when_its_beginning_is_not_known() -> None:
    assert [span[0] for span in spans([*ONE[1:], *TWO], False)] == [3]


def test_an_aggregate_is_left_out_while_its_end_is_not_known() -> None:
    assert [span[0] for span in spans([*TWO, *THREE[:2]], True)] == [3]


def test_an_aggregate_is_left_out_where_a_trade_is_missing() -> None:
    assert spans([*TWO, THREE[0], THREE[2]], True) == [(3, 3, "1.00000000")]
