"""How public topics follow, and what is said where one does not."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec
import pytest

from infra.verify.chains import (
    Chain,
    DepthChain,
    KlineChain,
    TickerChain,
    TradeChain,
    UpdateChain,
)
from infra.verify.checks import Difference
from streams.market_data.partition import MarketDataPartition
from streams.messages import Depth, Side, depths, encode_event
from streams.runtime.ports import Kept
from streams.runtime.publisher import Publisher
from streams.topics import DEPTH, KLINES, TICKERS, TRADES, UPDATES
from tests.unit.verify.exchange import ALICE, BOB, MARKET, Exchange


@pytest.fixture
async def exchange() -> Exchange:
    """Ten trades, up and down three prices."""
    exchange = Exchange()
    await exchange.open()
    for number in range(10):
        price = 100 + number % 3
        await exchange.place(ALICE, Side.SELL, price=price, quantity=1)
        await exchange.settle()
        await exchange.place(BOB, Side.BUY, price=price, quantity=1)
        await exchange.settle()
    await exchange.place(BOB, Side.SELL, price=105, quantity=1)
    await exchange.settle()
    return exchange


def read(chain: Chain, records: Sequence[Kept]) -> None:
    for record in records:
        chain.take(record)
    chain.finish()


def without(records: list[Kept], place: int) -> list[Kept]:
    return records[:place] + records[place + 1 :]


def twice(records: list[Kept], place: int) -> list[Kept]:
    return records[: place + 1] + records[place:]


@pytest.mark.parametrize("tamper", [without, twice])
async def test_a_trade_that_is_missing_or_told_twice_is_named(
    exchange: Exchange, tamper: Callable[[list[Kept], int], list[Kept]]
) -> None:
    trades = exchange.log.records[TRADES, 0]
    read(TradeChain(whole=True), trades)
    with pytest.raises(Difference, match=r"BTCUSDT: trade [56] follows [45]"):
        read(TradeChain(whole=True), tamper(trades, 4))


async def test_only_a_whole_topic_must_begin_with_the_first_trade(exchange: Exchange) -> None:
    later = exchange.log.records[TRADES, 0][3:]
    read(TradeChain(whole=False), later)
    with pytest.raises(Difference, match="the first trade is 4, not 1"):
        read(TradeChain(whole=True), later)


async def test_a_record_under_another_name_is_named(exchange: Exchange) -> None:
    first, *rest = exchange.log.records[TRADES, 0]
    renamed = first._replace(headers=[("ce_id", b"BTCUSDT:999")])
    with pytest.raises(Difference, match="goes by b'BTCUSDT', 'BTCUSDT:999'"):
        read(TradeChain(whole=True), [renamed, *rest])


async def test_garbage_on_a_public_topic_is_named(exchange: Exchange) -> None:
    garbage = Kept(0, 0, b"", b"\xff{", [])
    with pytest.raises(Difference, match="record 0 is no message"):
        read(TradeChain(whole=True), [garbage])


@pytest.mark.parametrize("tamper", [without, twice])
async def test_an_update_that_is_missing_or_told_twice_is_named(
    exchange: Exchange, tamper: Callable[[list[Kept], int], list[Kept]]
) -> None:
    told = exchange.log.records[UPDATES, 0]
    read(UpdateChain(whole=True), told)
    with pytest.raises(Difference, match=r"(ledger|matching):0: update \d+ follows"):
        read(UpdateChain(whole=True), tamper(told, 7))


# -- depth ---------------------------------------------------------------------------------------


def depth_chain(exchange: Exchange, *, whole: bool = True) -> DepthChain:
    return DepthChain(whole, exchange.views()[1][0].levels)


async def test_diffs_lead_to_the_book(exchange: Exchange) -> None:
    chain = depth_chain(exchange)
    read(chain, exchange.log.records[DEPTH, 0])
    assert chain.compared == 1


@pytest.mark.parametrize("tamper", [without, twice])
async def test_a_diff_that_is_missing_or_told_twice_is_named(
    exchange: Exchange, tamper: Callable[[list[Kept], int], list[Kept]]
) -> None:
    told = tamper(exchange.log.records[DEPTH, 0], 5)
    with pytest.raises(Difference, match=r"BTCUSDT: a diff of \d+ to \d+ follows \d+"):
        read(depth_chain(exchange), told)


async def test_depth_that_ends_too_early_is_named(exchange: Exchange) -> None:
    told = exchange.log.records[DEPTH, 0][:-1]
    with pytest.raises(Difference, match=r"depth ends at \d+, its book at \d+"):
        read(depth_chain(exchange), told)


async def test_a_diff_with_another_quantity_is_named_by_its_price(exchange: Exchange) -> None:
    told = list(exchange.log.records[DEPTH, 0])
    last: Depth = depths.decode(told[-1].value)
    wrong = msgspec.structs.replace(last, asks=[("105.00000000", "2.00000000")])
    told[-1] = told[-1]._replace(value=encode_event(wrong))
    with pytest.raises(Difference, match=r"diffs do not lead to the book at \d+, first at 105"):
        read(depth_chain(exchange), told)


async def test_a_topic_whose_beginning_is_gone_is_compared_from_its_first_snapshot(
    exchange: Exchange,
) -> None:
    told = exchange.log.records[DEPTH, 0]
    chain = depth_chain(exchange, whole=False)
    read(chain, told[3:])
    assert chain.compared == 0, "without a snapshot nobody knows the book"

    levels = exchange.views()[1][0].levels[MARKET]
    last: Depth = depths.decode(told[-1].value)
    ahead = msgspec.structs.replace(
        last, kind="snapshot", seq=last.seq + 1, first_seq=last.seq + 1, bids=[], asks=levels.asks
    )
    chain = depth_chain(exchange, whole=False)
    name = ("ce_id", f"{MARKET}:{last.seq + 1}".encode())
    # It stands behind the last diff by an event that changed no level.
    read(chain, [*told, told[-1]._replace(value=encode_event(ahead), headers=[name])])
    assert chain.compared == 2


# -- market data ---------------------------------------------------------------------------------


async def market_data(exchange: Exchange) -> None:
    """Candles and tickers of the trades, a minute apart."""
    machine = MarketDataPartition(0)
    publisher = Publisher(exchange.log, "test")
    for number, record in enumerate(exchange.log.records[TRADES, 0]):
        trade = msgspec.json.decode(record.value) | {"time": number * 60_000}
        value = msgspec.json.encode(trade)
        await publisher.publish(machine.apply(record.offset, record.at, value))


async def test_candles_and_tickers_follow(exchange: Exchange) -> None:
    await market_data(exchange)
    read(KlineChain(), exchange.log.records[KLINES, 0])
    read(TickerChain(), exchange.log.records[TICKERS, 0])


async def test_a_candle_whose_last_word_is_missing_is_named(exchange: Exchange) -> None:
    await market_data(exchange)
    told = exchange.log.records[KLINES, 0]
    minute = [r.offset for r in told if b'"interval":"1m"' in r.value]
    with pytest.raises(Difference, match=r"BTCUSDT 1m 300000: begins with trade 6, not 5"):
        read(KlineChain(), [record for record in told if record.offset != minute[4]])


async def test_a_ticker_told_twice_is_named(exchange: Exchange) -> None:
    await market_data(exchange)
    told = exchange.log.records[TICKERS, 0]
    with pytest.raises(Difference, match=r"BTCUSDT: ticker \d+ follows"):
        read(TickerChain(), twice(told, 2))
