"""Whether a public topic's records follow each other as its contract says. Pure.

One chain for each partition. `take` is given every record, in order, and raises `Difference` at
the first that does not follow. A chain is `whole` where it begins with the partition's first
record ever; else it begins with whatever record comes first.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import msgspec

from infra.verify.checks import Difference
from infra.verify.views import BookLevels
from streams.matching.depth import SNAPSHOT_LEVELS_MAX
from streams.messages import (
    Depth,
    DepthKind,
    Kline,
    Market,
    MarketId,
    Ticker,
    Trade,
    depths,
    klines,
    markets,
    parse_units,
    tickers,
    trades,
    updates,
)
from streams.runtime.ports import Kept


class Chain(Protocol):
    """What a partition of a topic is read against."""

    def take(self, record: Kept) -> None:
        """The next record. Raises `Difference`."""
        ...

    def finish(self) -> None:
        """There are no more. Raises `Difference` where there must be."""
        ...


def _decoded(decoder: msgspec.json.Decoder[Any], record: Kept) -> Any:
    try:
        return decoder.decode(record.value)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Difference(f"record {record.offset} is no message: {error}") from error


def _check_name(record: Kept, market: MarketId, seq: int) -> None:
    """Key and CloudEvents id name the event as its value does."""
    name = f"{market}:{seq}"
    told = dict(record.headers).get("ce_id", b"").decode(errors="replace")
    if told != name or record.key.decode(errors="replace") != market:
        raise Difference(f"record {record.offset}: {name} goes by {record.key!r}, {told!r}")


class TradeChain:
    """Trades: `trade_id` without a gap, from 1; `seq` and time never back."""

    def __init__(self, whole: bool) -> None:
        self._whole = whole
        self._last: dict[MarketId, Trade] = {}

    def take(self, record: Kept) -> None:
        trade: Trade = _decoded(trades, record)
        _check_name(record, trade.market, trade.seq)
        last = self._last.get(trade.market)
        if last is None:
            if self._whole and trade.trade_id != 1:
                raise Difference(f"{trade.market}: the first trade is {trade.trade_id}, not 1")
        elif trade.trade_id != last.trade_id + 1:
            raise Difference(f"{trade.market}: trade {trade.trade_id} follows {last.trade_id}")
        elif trade.seq <= last.seq or trade.time < last.time:
            raise Difference(f"{trade.market}: trade {trade.trade_id} goes back in seq or time")
        self._last[trade.market] = trade

    def finish(self) -> None:
        """Nothing says how many trades there must be; the database check does."""


class TickerChain:
    """Tickers, states of which only some are said: `seq` and `last_trade_id` rise."""

    def __init__(self) -> None:
        self._last: dict[MarketId, Ticker] = {}

    def take(self, record: Kept) -> None:
        ticker: Ticker = _decoded(tickers, record)
        _check_name(record, ticker.market, ticker.seq)
        last = self._last.get(ticker.market)
        if last and (ticker.seq <= last.seq or ticker.last_trade_id <= last.last_trade_id):
            raise Difference(f"{ticker.market}: ticker {ticker.seq} follows {last.seq}")
        self._last[ticker.market] = ticker

    def finish(self) -> None:
        """Which states are said is not laid down."""


class KlineChain:
    """Candles: the states of one rise, and the next begins with the trade after its last."""

    def __init__(self) -> None:
        self._last: dict[tuple[MarketId, str], Kline] = {}

    def take(self, record: Kept) -> None:
        kline: Kline = _decoded(klines, record)
        _check_name(record, kline.market, kline.seq)
        key = kline.market, kline.interval
        last = self._last.get(key)
        if last is not None:
            self._check(last, kline)
        self._last[key] = kline

    def _check(self, last: Kline, kline: Kline) -> None:
        name = f"{kline.market} {kline.interval} {kline.open_time}"
        if kline.seq <= last.seq:
            raise Difference(f"{name}: state {kline.seq} follows {last.seq}")
        same = kline.open_time == last.open_time
        first = last.first_trade_id if same else last.last_trade_id + 1
        if kline.open_time < last.open_time or kline.first_trade_id != first:
            raise Difference(f"{name}: begins with trade {kline.first_trade_id}, not {first}")

    def finish(self) -> None:
        """Which states are said is not laid down."""


class MarketChain:
    """Configurations of markets: `seq` rises."""

    def __init__(self) -> None:
        self._last: dict[MarketId, int] = {}

    def take(self, record: Kept) -> None:
        market: Market = _decoded(markets, record)
        _check_name(record, market.market, market.seq)
        if market.seq <= self._last.get(market.market, 0):
            raise Difference(f"{market.market}: configuration {market.seq} comes again")
        self._last[market.market] = market.seq

    def finish(self) -> None:
        """Old configurations are compacted away."""


class UpdateChain:
    """Updates: each source's numbers without a gap, from 1."""

    def __init__(self, whole: bool) -> None:
        self._whole = whole
        self._last: dict[str, int] = {}

    def take(self, record: Kept) -> None:
        update = _decoded(updates, record)
        last = self._last.get(update.source, 0 if self._whole else None)
        if last is not None and update.seq != last + 1:
            raise Difference(f"{update.source}: update {update.seq} follows {last}")
        self._last[update.source] = update.seq

    def finish(self) -> None:
        """Where updates end, the balances and orders in the database tell."""


class LocalBook:
    """A book as who reads `depth` has it: quantities by price."""

    def __init__(self, snapshot: Depth) -> None:
        self._sides = dict(snapshot.bids), dict(snapshot.asks)

    def apply(self, diff: Depth) -> None:
        for side, changes in zip(self._sides, (diff.bids, diff.asks), strict=True):
            for price, quantity in changes:
                if parse_units(quantity):
                    side[price] = quantity
                else:
                    side.pop(price, None)

    def check(self, market: MarketId, told: Depth | BookLevels) -> None:
        """Raise `Difference` where another account of the book has other levels."""
        for side, levels in zip(self._sides, (told.bids, told.asks), strict=True):
            if side != dict(levels):
                price, _ = min(side.items() ^ dict(levels).items())
                raise Difference(
                    f"{market}: diffs do not lead to the book at {told.seq}, first at {price}"
                )


class DepthChain:
    """Diffs without a gap; and they lead to the snapshots, and to the replayed books.

    `books` are those of this partition; `compared` counts the times that a book was.
    """

    def __init__(self, whole: bool, books: Mapping[MarketId, BookLevels]) -> None:
        self._whole = whole
        self._expected = dict(books)
        self._diff: dict[MarketId, int] = {}
        """The event that a market's last diff, or its creation, told of."""
        self._local: dict[MarketId, LocalBook] = {}
        self.compared = 0

    def take(self, record: Kept) -> None:
        depth: Depth = _decoded(depths, record)
        _check_name(record, depth.market, depth.seq)
        if depth.kind is DepthKind.SNAPSHOT:
            self._take_snapshot(depth)
        else:
            self._take_diff(depth)
        expected = self._expected.get(depth.market)
        if expected is not None and expected.seq == depth.seq:
            del self._expected[depth.market]
            self._compare(expected, depth.market)

    def _take_snapshot(self, depth: Depth) -> None:
        """It may stand behind the last diff, by events that changed no level."""
        known = self._diff.get(depth.market)
        if known is None:
            if self._whole:
                self._diff[depth.market] = depth.seq
        elif depth.seq < known:
            raise Difference(f"{depth.market}: a snapshot of {depth.seq} follows {known}")
        if max(len(depth.bids), len(depth.asks)) >= SNAPSHOT_LEVELS_MAX:
            return  # it leaves the rest of the book out
        if depth.market in self._local:
            self._compare(depth, depth.market)
        else:
            self._local[depth.market] = LocalBook(depth)

    def _take_diff(self, depth: Depth) -> None:
        known = self._diff.get(depth.market)
        if known is None and self._whole:
            raise Difference(f"{depth.market}: does not begin with a snapshot")
        follows = known is None or depth.first_seq == known + 1
        if not follows or depth.seq < depth.first_seq:
            raise Difference(
                f"{depth.market}: a diff of {depth.first_seq} to {depth.seq} follows {known}"
            )
        expected = self._expected.get(depth.market)
        if expected is not None and depth.first_seq <= expected.seq < depth.seq:
            raise Difference(f"{depth.market}: no diff ends at {expected.seq}, as its book does")
        self._diff[depth.market] = depth.seq
        local = self._local.get(depth.market)
        if local is not None:
            local.apply(depth)

    def _compare(self, told: Depth | BookLevels, market: MarketId) -> None:
        local = self._local.get(market)
        if local is not None:
            local.check(market, told)
            self.compared += 1

    def finish(self) -> None:
        for market, expected in sorted(self._expected.items()):
            known = self._diff.get(market, 0 if self._whole else None)
            if known is not None and known < expected.seq:
                raise Difference(f"{market}: depth ends at {known}, its book at {expected.seq}")
