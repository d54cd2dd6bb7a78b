"""Every market as public events show it: what both doors answer from."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TypeVar

from api.feeds.aggregates import Aggregates, AggregateTrade
from api.feeds.book import Book
from api.feeds.candles import Candles
from api.feeds.rules import MarketRules
from streams.messages import Depth, Kline, Market, MarketId, Ticker, Trade

log = logging.getLogger(__name__)

TRADES_KEPT = 1_000

Event = TypeVar("Event")


class MarketFeed:
    """What has been seen of one market."""

    def __init__(self, market: MarketId) -> None:
        self.book = Book(market)
        self.trades: deque[Trade] = deque(maxlen=TRADES_KEPT)
        self.aggregates = Aggregates()
        self.ticker: Ticker | None = None
        self.candles = Candles()


class Markets:
    """Markets, books, trades, tickers and candles, each event taken once.

    Single-threaded: whoever reads it between two awaits sees one state. Callbacks are called after
    the change, for every change.
    """

    def __init__(self) -> None:
        self._rules: dict[MarketId, MarketRules] = {}
        self._feeds: dict[MarketId, MarketFeed] = {}
        self._on_market: list[Callable[[Market], None]] = []
        self._on_trade: list[Callable[[Trade], None]] = []
        self._on_aggregate: list[Callable[[AggregateTrade], None]] = []
        self._on_depth: list[Callable[[Depth, Book], None]] = []
        self._on_ticker: list[Callable[[Ticker], None]] = []
        self._on_kline: list[Callable[[Kline], None]] = []

    @property
    def rules(self) -> Mapping[MarketId, MarketRules]:
        """The markets there are, with their configuration."""
        return MappingProxyType(self._rules)

    @property
    def feeds(self) -> Mapping[MarketId, MarketFeed]:
        """What has been seen of each market; those in `rules` are all here."""
        return MappingProxyType(self._feeds)

    def on_market(self, callback: Callable[[Market], None]) -> None:
        self._on_market.append(callback)

    def on_trade(self, callback: Callable[[Trade], None]) -> None:
        self._on_trade.append(callback)

    def on_aggregate(self, callback: Callable[[AggregateTrade], None]) -> None:
        self._on_aggregate.append(callback)

    def on_depth(self, callback: Callable[[Depth, Book], None]) -> None:
        """Called with the record and the book that has taken it: diffs, and snapshots that said
        something new. A book that lost a diff is quiet until it is whole again."""
        self._on_depth.append(callback)

    def on_ticker(self, callback: Callable[[Ticker], None]) -> None:
        self._on_ticker.append(callback)

    def on_kline(self, callback: Callable[[Kline], None]) -> None:
        self._on_kline.append(callback)

    def _feed(self, market: MarketId) -> MarketFeed:
        feed = self._feeds.get(market)
        if feed is None:
            feed = self._feeds[market] = MarketFeed(market)
        return feed

    def take_market(self, market: Market) -> None:
        known = self._rules.get(market.market)
        if known is not None and market.seq <= known.config.seq:
            return
        self._feed(market.market)
        self._rules[market.market] = MarketRules.of(market)
        _tell(self._on_market, market)

    def take_trade(self, trade: Trade, *, gapless: bool = False) -> None:
        """The next trade; `gapless` is as in `Aggregates.add`."""
        feed = self._feed(trade.market)
        if feed.trades:
            newest = feed.trades[-1].trade_id
            if trade.trade_id <= newest:
                return
            if trade.trade_id > newest + 1:
                log.error("%s: trades go from %d to %d", trade.market, newest, trade.trade_id)
        feed.trades.append(trade)
        _tell(self._on_trade, trade)
        aggregate = feed.aggregates.add(trade, gapless=gapless)
        if aggregate is not None:
            _tell(self._on_aggregate, aggregate)

    def take_depth(self, depth: Depth) -> None:
        book = self._feed(depth.market).book
        if book.apply(depth):
            for callback in self._on_depth:
                callback(depth, book)

    def take_ticker(self, ticker: Ticker) -> None:
        feed = self._feed(ticker.market)
        # The same trade may be followed by several: time alone takes trades out of the window.
        if feed.ticker is not None and (ticker.seq, ticker.time) <= (
            feed.ticker.seq,
            feed.ticker.time,
        ):
            return
        feed.ticker = ticker
        _tell(self._on_ticker, ticker)

    def take_kline(self, kline: Kline) -> None:
        if self._feed(kline.market).candles.add(kline):
            _tell(self._on_kline, kline)


def _tell(callbacks: list[Callable[[Event], None]], event: Event) -> None:
    for callback in callbacks:
        callback(event)
