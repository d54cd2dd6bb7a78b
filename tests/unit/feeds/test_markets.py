"""What the doors know of a market, event by event."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from api.feeds.aggregates import Aggregates, AggregateTrade
from api.feeds.market_view import MarketView
from api.feeds.markets import Markets
from api.feeds.rules import MarketRules, OffGridError
from api.feeds.statistics import price_change, price_change_percent, weighted_average_price
from infra.settings import Settings
from streams.messages import AmountError, Depth, Lots, Side, Ticks, Trade, encode_event
from streams.topics import TRADES
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


def test_after_a_recovery_the_first_aggregate_is_whole() -> None:
    """Numbers jump; who has read all that the log has knows that nothing is missing in between."""
    aggregates = Aggregates()
    aggregates.add(trade(7, aggregate=3, ends=True), gapless=True)
    aggregates.add(trade(8, aggregate=4, ends=False), gapless=True)  # its end was lost
    assert aggregates.add(trade(1_000_010, aggregate=9, ends=False), gapless=True) is None
    whole = aggregates.add(trade(1_000_011, aggregate=9, ends=True), gapless=True)
    assert whole is not None
    assert (whole.first_trade_id, whole.last_trade_id) == (1_000_010, 1_000_011)


class Recorded(NamedTuple):
    """A trade as the log has it."""

    offset: int
    value: bytes
    timestamp: int = 0


def recorded(offset: int, number: int) -> Recorded:
    return Recorded(offset, encode_event(trade(number, aggregate=number, ends=True)))


def seen(*batches: list[Recorded]) -> list[int]:
    """The aggregates that a view tells of, which is given these of one partition."""
    view, told = MarketView(Settings().model_copy(update={"kafka": "nowhere:9092"})), list[int]()
    view.on_aggregate(lambda aggregate: told.append(aggregate.aggregate_id))
    for batch in batches:
        view._deliver(TRADES, 3, batch)
    return told


def test_a_log_that_was_read_from_its_beginning_has_only_whole_aggregates() -> None:
    assert seen([recorded(0, 501)]) == [501]
    assert seen([recorded(40, 501), recorded(41, 502)]) == [502]
    assert seen([recorded(0, 7)], [recorded(0, 501)]) == [7, 501]  # a new log, of a new epoch
    assert seen([recorded(0, 7)], [recorded(9, 90)]) == [7]  # too far behind for the log


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
