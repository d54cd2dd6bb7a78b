"""The rolling 24-hour ticker."""

from __future__ import annotations

from tests.unit.market_data.trades import DAY, MINUTE, NOON, Feed, ticker, trade


def test_a_ticker_sums_up_the_day() -> None:
    outputs = Feed().say(
        trade(1, NOON, price=100, quantity=1),
        trade(2, NOON + 3 * MINUTE, price=150, quantity=2),
        trade(3, NOON + 9 * MINUTE, price=80, quantity=3),
    )
    day = ticker(outputs)
    assert (day.open, day.high, day.low, day.last) == (
        "100.00000000",
        "150.00000000",
        "80.00000000",
        "80.00000000",
    )
    assert (day.volume, day.quote_volume) == ("6.00000000", "640.00000000")
    assert day.last_quantity == "3.00000000"
    assert (day.first_trade_id, day.last_trade_id, day.trades) == (1, 3, 3)
    assert (day.seq, day.time) == (9, NOON + 9 * MINUTE)
    assert day.previous_close == "100.00000000", "nothing was before: its own first price"


def test_what_is_a_day_old_leaves_by_whole_minutes() -> None:
    feed = Feed()
    feed.say(
        trade(1, NOON + 1, price=500),
        trade(2, NOON + MINUTE, price=100),
        trade(3, NOON + 2 * MINUTE, price=90),
    )
    day = ticker(feed.say(trade(4, NOON + DAY - 1, price=95)))
    assert (day.open_time, day.high) == (NOON, "500.00000000")

    day = ticker(feed.say(trade(5, NOON + DAY, price=96)))
    assert day.open_time == NOON + MINUTE
    assert (day.open, day.high, day.low) == ("100.00000000", "100.00000000", "90.00000000")
    assert day.previous_close == "500.00000000", "the price just before the window"
    assert (day.first_trade_id, day.trades) == (2, 4)


def test_after_days_of_silence_the_day_begins_anew() -> None:
    feed = Feed()
    feed.say(trade(1, NOON, price=500))
    day = ticker(feed.say(trade(2, NOON + 3 * DAY, price=90)))
    assert (day.open, day.high, day.trades) == ("90.00000000", "90.00000000", 1)
    assert day.previous_close == "500.00000000"
