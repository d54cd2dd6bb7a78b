"""Books that show what their readers were told.

Outcomes of orders come by `updates`, books by `depth`: two ways, of which either may be quicker.
Who was told that an order rests, or was filled, finds it so in the book he asks for next.
"""

from __future__ import annotations

import asyncio

from api.accounts.view import AccountView
from api.feeds.book import Book
from api.feeds.market_view import MarketView
from api.feeds.markets import MarketFeed
from streams.messages import Depth, MarketId

WAIT_LIMIT_S = 0.5


class FreshBooks:
    """Hands out a market's feed once its book has caught up with the outcomes that are known."""

    def __init__(self, markets: MarketView, accounts: AccountView) -> None:
        self._markets = markets
        self._accounts = accounts
        self._waiting: dict[asyncio.Future[None], tuple[MarketId, int]] = {}
        markets.on_depth(self._wake)

    async def feed(self, market: MarketId) -> MarketFeed:
        """The market's feed; after half a second, as it is."""
        feed = self._markets.feeds[market]
        told = self._accounts.book_seq(market)
        if feed.book.seq >= told:
            return feed
        fresh: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[fresh] = (market, told)
        try:
            await asyncio.wait((fresh,), timeout=WAIT_LIMIT_S)
        finally:
            del self._waiting[fresh]
        return feed

    def _wake(self, depth: Depth, book: Book) -> None:
        for fresh, (market, seq) in self._waiting.items():
            if market == book.market and book.seq >= seq and not fresh.done():
                fresh.set_result(None)
