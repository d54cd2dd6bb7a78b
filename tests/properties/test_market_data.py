"""Market data is what a plain recomputation from the list of trades gives."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from streams.market_data import MarketDataPartition
from streams.messages import Kline, Side, Ticker, Trade, format_units
from tests.unit.market_data.trades import DAY, HOUR, MINUTE, NOON, SECOND, Feed, trade

MINUTES = {"1m": 1, "3m": 3, "5m": 5, "15m": 15, "30m": 30}
HOURS = {"1h": 1, "2h": 2, "4h": 4, "6h": 6, "8h": 8, "12h": 12}


def opened(interval: str, time: int) -> int:
    """When the candle that `time` is in opened, worked out on the calendar."""
    moment = datetime.fromtimestamp(time / 1_000, UTC)
    day = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    if interval == "1s":
        start = moment.replace(microsecond=0)
    elif interval in MINUTES:
        minutes = moment.minute - moment.minute % MINUTES[interval]
        start = moment.replace(minute=minutes, second=0, microsecond=0)
    elif interval in HOURS:
        start = day.replace(hour=moment.hour - moment.hour % HOURS[interval])
    elif interval == "1d":
        start = day
    elif interval == "3d":
        start = day - timedelta(days=(day - datetime(1970, 1, 1, tzinfo=UTC)).days % 3)
    elif interval == "1w":
        start = day - timedelta(days=day.weekday())
    else:
        start = day.replace(day=1)
    return int(start.timestamp()) * 1_000


def units(decimal: str) -> int:
    return int(decimal.replace(".", ""))


def summed(trades: list[Trade], field: str) -> str:
    return format_units(sum(units(getattr(each, field)) for each in trades))


def amounts_to(said: Kline | Ticker, trades: list[Trade]) -> None:
    """What is said is what these trades amount to."""
    prices = [units(each.price) for each in trades]
    last = said.close if isinstance(said, Kline) else said.last
    assert (said.open, last) == (trades[0].price, trades[-1].price)
    assert (units(said.high), units(said.low)) == (max(prices), min(prices))
    assert said.volume == summed(trades, "quantity")
    assert said.quote_volume == summed(trades, "quote_quantity")
    assert (said.first_trade_id, said.last_trade_id) == (trades[0].trade_id, trades[-1].trade_id)
    assert (said.trades, said.seq, said.time) == (len(trades), trades[-1].seq, trades[-1].time)


pauses = st.one_of(
    st.integers(0, 3 * SECOND),
    st.sampled_from([0, 999, SECOND, MINUTE, HOUR, DAY - 1, DAY, DAY + 1, 9 * DAY]),
    st.integers(0, 2 * HOUR),
)
details = st.tuples(
    pauses, st.integers(1, 50), st.integers(1, 9), st.sampled_from(Side), st.booleans()
)


@st.composite
def made_trades(draw: st.DrawFn) -> list[Trade]:
    time, trades = NOON, []
    drawn = draw(st.lists(details, min_size=8, max_size=40))
    for trade_id, (pause, price, quantity, side, last) in enumerate(drawn, start=1):
        time += pause
        trades.append(trade(trade_id, time, price, quantity, side, last=last))
    return trades


@settings(max_examples=60, deadline=None)
@given(made_trades())
def test_klines_are_what_their_trades_amount_to(trades: list[Trade]) -> None:
    feed = Feed()
    feed.say(*trades)
    said = [output.message for output in feed.outputs if isinstance(output.message, Kline)]
    newest: dict[tuple[str, int], int] = {}
    for kline in said:
        assert kline.open_time == opened(kline.interval, kline.time)
        assert opened(kline.interval, kline.close_time) == kline.open_time
        assert opened(kline.interval, kline.close_time + 1) == kline.close_time + 1
        within = [
            each
            for each in trades[: kline.last_trade_id]
            if kline.open_time <= each.time <= kline.close_time
        ]
        amounts_to(kline, within)
        bought = [each for each in within if each.taker_side is Side.BUY]
        assert kline.taker_volume == summed(bought, "quantity")
        assert kline.taker_quote_volume == summed(bought, "quote_quantity")
        newest[kline.interval, kline.open_time] = kline.last_trade_id
    if trades[-1].aggregate_last:
        for interval in {kline.interval for kline in said}:
            whole = {opened(interval, each.time): each.trade_id for each in trades}
            assert {key: last for key, last in newest.items() if key[0] == interval} == {
                (interval, start): last for start, last in whole.items()
            }, "every candle's last state was said"


@settings(max_examples=60, deadline=None)
@given(made_trades())
def test_tickers_are_what_the_trades_of_their_day_amount_to(trades: list[Trade]) -> None:
    feed = Feed()
    feed.say(*trades)
    for output in feed.outputs:
        if isinstance(ticker := output.message, Ticker):
            until = trades[: ticker.last_trade_id]
            assert ticker.open_time % MINUTE == 0
            assert DAY - MINUTE <= ticker.time + 1 - ticker.open_time <= DAY
            amounts_to(ticker, [each for each in until if each.time >= ticker.open_time])
            before = [each.price for each in until if each.time < ticker.open_time]
            assert ticker.previous_close == (before[-1] if before else ticker.open)


@settings(max_examples=40, deadline=None)
@given(made_trades(), st.sets(st.integers(0, 40)), st.integers(0, 40))
def test_a_name_says_the_same_however_it_was_sampled(
    trades: list[Trade], samples: set[int], cut: int
) -> None:
    feed = Feed()
    feed.say(*trades)
    machine, silent = MarketDataPartition(0), MarketDataPartition(0)
    outputs = []
    for index, record in enumerate(feed.records):
        outputs += machine.observe(*record)
        if index in samples:
            outputs += machine.sample()
        silent.retake(*record)
        if index == cut:
            restored = MarketDataPartition(0)
            restored.restore(machine.snapshot())
            machine = restored
    outputs += machine.sample()
    assert machine.digest() == silent.digest() == feed.machine.digest()
    said: dict[tuple[str, int], object] = {}
    for output in feed.outputs + outputs:
        assert said.setdefault((output.source, output.seq), output.message) == output.message
    for edge in {output.source for output in outputs}:
        seqs = [output.seq for output in outputs if output.source == edge]
        assert seqs == sorted(seqs)
