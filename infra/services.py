"""The table of services."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Literal, Protocol, cast

import msgspec

if TYPE_CHECKING:
    from infra.settings import Settings


class Run(Protocol):
    """An entry point: runs a service until SIGTERM or SIGINT."""

    def __call__(self, settings: Settings) -> None: ...


class Service(msgspec.Struct, frozen=True):
    """One process of the exchange. It answers GET /ready at the port that its setting names."""

    name: str
    does: str
    entry: str
    port_setting: Literal["api_port", "ws_port", "health_port"] = "health_port"
    scheme: Literal["http", "ws"] = "http"
    behind: bool = False
    """Whether nobody waits for it who waits for an order: it lets others go first."""

    def load(self) -> Run:
        """Import the entry point: late, for each brings in a framework of its own."""
        module, _, function = self.entry.partition(":")
        return cast(Run, getattr(import_module(module), function))

    @property
    def has_a_door(self) -> bool:
        """Whether clients connect to it."""
        return self.port_setting != "health_port"


SERVICES = (
    Service("ledger", "Hold, settle and pay out funds.", "streams.runtime.ledger_worker:run"),
    Service("matching", "Match orders, a book per market.", "streams.runtime.matching_worker:run"),
    Service(
        "market-data",
        "Make tickers and klines of trades.",
        "streams.runtime.market_data_worker:run",
    ),
    Service(
        "projections",
        "Write what happened to the database.",
        "projections.service:run",
        behind=True,
    ),
    Service("ws", "Stream market data over WebSocket.", "api.ws.service:run", "ws_port", "ws"),
    Service("api", "Take orders and answer queries over REST.", "api.rest.service:run", "api_port"),
)
"""In the order in which they start; they stop in reverse."""

BY_NAME = {service.name: service for service in SERVICES}
