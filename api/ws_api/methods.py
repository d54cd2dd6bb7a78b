"""What can be called: each method is an endpoint of the REST door under another name."""

from __future__ import annotations

from api.errors import unsupported
from api.handlers.endpoint import Endpoint, SignedEndpoint
from api.handlers.endpoints import PUBLIC, SIGNED
from api.handlers.entry import PublicEntry, SignedEntry
from api.handlers.exchange import Exchange
from api.ws_api.client import CALLS, ClientCall

METHODS = {
    "ping": ("GET", "/api/v3/ping"),
    "time": ("GET", "/api/v3/time"),
    "exchangeInfo": ("GET", "/api/v3/exchangeInfo"),
    "depth": ("GET", "/api/v3/depth"),
    "trades.recent": ("GET", "/api/v3/trades"),
    "trades.historical": ("GET", "/api/v3/historicalTrades"),
    "trades.aggregate": ("GET", "/api/v3/aggTrades"),
    "klines": ("GET", "/api/v3/klines"),
    "uiKlines": ("GET", "/api/v3/uiKlines"),
    "avgPrice": ("GET", "/api/v3/avgPrice"),
    "ticker": ("GET", "/api/v3/ticker"),
    "ticker.24hr": ("GET", "/api/v3/ticker/24hr"),
    "ticker.tradingDay": ("GET", "/api/v3/ticker/tradingDay"),
    "ticker.price": ("GET", "/api/v3/ticker/price"),
    "ticker.book": ("GET", "/api/v3/ticker/bookTicker"),
    "order.place": ("POST", "/api/v3/order"),
    "order.test": ("POST", "/api/v3/order/test"),
    "order.status": ("GET", "/api/v3/order"),
    "order.cancel": ("DELETE", "/api/v3/order"),
    "order.cancelReplace": ("POST", "/api/v3/order/cancelReplace"),
    "order.amend.keepPriority": ("PUT", "/api/v3/order/amend/keepPriority"),
    "order.amendments": ("GET", "/api/v3/order/amendments"),
    "openOrders.status": ("GET", "/api/v3/openOrders"),
    "openOrders.cancelAll": ("DELETE", "/api/v3/openOrders"),
    "allOrders": ("GET", "/api/v3/allOrders"),
    "myTrades": ("GET", "/api/v3/myTrades"),
    "account.rateLimits.orders": ("GET", "/api/v3/rateLimit/order"),
    "myPreventedMatches": ("GET", "/api/v3/myPreventedMatches"),
    "account.status": ("GET", "/api/v3/account"),
    "account.commission": ("GET", "/api/v3/account/commission"),
}
"""By name; a request may put a version in front of it: `v3/order.place`."""

VERSION = "v3/"

Entry = PublicEntry | SignedEntry


class Methods:
    """The methods of an exchange."""

    def __init__(self, exchange: Exchange) -> None:
        endpoints = {(each.method, each.path): each for each in (*PUBLIC, *SIGNED)}
        self._entries = {
            name: _entry(exchange, endpoints[place]) for name, place in METHODS.items()
        }

    def find(self, name: str) -> Entry | ClientCall:
        """The way to a method's handler. Raises -1020 where there is no such method."""
        plain = name.removeprefix(VERSION)
        entry = self._entries.get(plain) or CALLS.get(plain)
        if entry is None:
            raise unsupported()
        return entry


def _entry(exchange: Exchange, endpoint: Endpoint | SignedEndpoint) -> Entry:
    match endpoint:
        case Endpoint():
            return PublicEntry(exchange, endpoint)
        case SignedEndpoint():
            return SignedEntry(exchange, endpoint)
