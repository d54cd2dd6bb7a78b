"""What the doors know of a market, event by event."""

from __future__ import annotations

import pytest

from api.feeds.aggregates import Aggregates, AggregateTrade
from api.feeds.markets import Markets
from api.feeds.rules import MarketRules, OffGridError
from api.feeds.statistics import price_change, price_change_percent, weighted_average_price
from streams.messages import AmountError, Depth, Lots, Side, Ticks, Trade
from tests.unit.feeds.samples import (
    BTC,
    amount,
    diff,
    levels,
    market,
    snapshot,
    ticker,
    trade,
)


def test_trades_of_one_taker_at_one_price_make_an_aggregate() -> None:
    aggregates = Aggregates()

    assert aggregates.add(trade(1, aggregate=1, ends=False, quantity="1")) is None
    assert aggregates.add(trade(2, aggregate=1, ends=False, quantity="2.5")) is None
    whole = aggregates.add(trade(3, aggregate=1, ends=True, quantity="0.5", taker=Side.SELL))

    assert whole is not None
    assert whole.quantity == amount("4")
    assert (whole.aggregate_id, whole.first_trade_id, whole.last_trade_id) == (1, 1, 3)
    assert not whole.buyer_is_maker


def test_an_aggregate_whose_start_was_missed_is_left_out() -> None:
    aggregates = Aggregates()

    assert aggregates.add(trade(7, aggregate=3, ends=True)) is None
    assert aggregates.add(trade(8, aggregate=4, ends=True)) is not None
    assert aggregates.add(trade(10, aggregate=5, ends=True)) is None
    assert [a.aggregate_id for a in aggregates.recent] == [4]


def test_prices_and_quantities_become_ticks_and_lots() -> None:
    rules = MarketRules.of(market())

    assert rules.ticks("100.05") == 10_005
    assert rules.lots("0.0002") == 20
    assert rules.price(Ticks(10_005)) == amount("100.05")
    assert rules.quantity(Lots(20)) == amount("0.0002")
    assert rules.notional(Ticks(10_005), Lots(100_000)) == 10_005_000_000
    with pytest.raises(OffGridError):
        rules.ticks("100.005")
    with pytest.raises(AmountError):
        rules.lots("one")


@pytest.mark.parametrize(
    ("last", "change", "percent"),
    [
        ("110", "10.00000000", "10.000"),
        ("99.9994", "-0.00060000", "-0.001"),
        ("100", "0.00000000", "0.000"),
    ],
)
def test_a_ticker_tells_how_the_price_moved(last: str, change: str, percent: str) -> None:
    assert price_change(ticker(last)) == change
    assert price_change_percent(ticker(last)) == percent
    assert weighted_average_price(ticker(last)) == amount("103.33333333")


def test_each_event_is_told_once_and_after_the_change() -> None:
    markets = Markets()
    seen: list[object] = []
    markets.on_market(lambda m: seen.append(("market", m.seq, len(markets.rules))))
    markets.on_trade(lambda t: seen.append(("trade", t.trade_id, len(markets.feeds[BTC].trades))))
    markets.on_depth(lambda d, book: seen.append(("depth", d.seq, book.seq)))
    markets.on_ticker(lambda t: seen.append(("ticker", t.seq)))

    for _ in range(2):
        markets.take_market(market())
        markets.take_depth(snapshot(1, [], levels("101 x 1")))
        markets.take_depth(diff(2, 3, levels("100 x 1")))
        markets.take_trade(trade(1))
        markets.take_ticker(ticker(seq=2))

    assert seen == [
        ("market", 1, 1),
        ("depth", 1, 1),
        ("depth", 3, 3),
        ("trade", 1, 1),
        ("ticker", 2),
    ]


def test_a_book_is_kept_before_its_market_is_listed() -> None:
    markets = Markets()

    markets.take_depth(snapshot(1, levels("100 x 1"), []))
    assert BTC not in markets.rules

    markets.take_market(market())
    assert markets.feeds[BTC].book.bids.best() == levels("100 x 1")[0]


def test_a_diff_that_can_not_be_applied_is_not_told() -> None:
    markets = Markets()
    told: list[Depth] = []
    markets.on_depth(lambda depth, book: told.append(depth))

    markets.take_depth(diff(5, 6))
    markets.take_depth(snapshot(6, [], []))
    markets.take_depth(diff(9, 9))

    assert told == [snapshot(6, [], [])]


def test_only_the_newest_trades_are_kept() -> None:
    markets = Markets()
    told: list[Trade] = []
    aggregates: list[AggregateTrade] = []
    markets.on_trade(told.append)
    markets.on_aggregate(aggregates.append)

    for number in range(1, 1_501):
        markets.take_trade(trade(number))

    assert len(told) == len(aggregates) == 1_500
    assert [t.trade_id for t in markets.feeds[BTC].trades] == list(range(501, 1_501))
