"""The process of the order doors: REST and the WebSocket API."""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

import uvicorn

from api.accounts.answers import Answers
from api.accounts.archive import Archive
from api.accounts.footing import Footing
from api.accounts.history import History
from api.accounts.reads import Reads
from api.accounts.sender import Sender, appender
from api.accounts.view import AccountView
from api.feeds.market_view import MarketView
from api.handlers.exchange import Exchange, now_ms
from api.handlers.freshness import FreshBooks
from api.handlers.rate_limits import order_limits
from api.identity.audit import producer
from api.identity.identity import Identity
from api.rest.app import Door
from api.rest.connections import Connections, Limits
from api.rest.http import BODY_BYTES_MAX
from api.weight_limit import WeightLimit
from api.ws.connection import Connection
from infra.settings import Settings
from infra.signals import run_until_signal
from streams.messages import AccountCommand, MarketCommand
from streams.topics import COMMANDS, ORDERS

SHUTDOWN_LIMIT_S = 10
"""Longer than any request takes: those under way are answered before the process ends."""

STOP_LIMIT_S = 5.0
"""For what is still on its way to a broker that is away."""

PING_EVERY_S = 20.0
PONG_LIMIT_S = 60.0
BACKLOG = 2048

log = logging.getLogger(__name__)


def run(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT. Raises what stops the service."""
    run_until_signal(lambda stop: serve(settings, stop))


async def serve(settings: Settings, stop: asyncio.Event) -> None:
    """Serve until `stop` is set; then answer what is under way, and end.

    Raises what a part of the service failed with.
    """
    frames, entries = appender(settings), producer(settings)
    archive, view, markets = Archive(settings), AccountView(settings), MarketView(settings)
    footing = Footing(settings, (frames, entries), archive)
    commands: Sender[AccountCommand] = Sender(frames, settings, COMMANDS, footing.epoch)
    configuration: Sender[MarketCommand] = Sender(frames, settings, ORDERS, footing.epoch)
    identity = Identity(settings, archive, entries, now_ms)
    exchange = Exchange(
        settings=settings,
        markets=markets,
        books=FreshBooks(markets, view),
        accounts=view,
        answers=Answers(view, History(settings)),
        commands=commands,
        configuration=configuration,
        reads=Reads(archive, view),
        identity=identity,
        weights=WeightLimit(settings.request_weight),
        order_limits=order_limits(settings),
    )
    door = Door(exchange)
    server = _server(door, settings)
    # What is there by now stays: a full collection would go through all of it, and nobody would be
    # answered meanwhile (80 ms measured on a slow machine).
    gc.collect()
    gc.freeze()
    try:
        async with asyncio.TaskGroup() as group:
            parts = [
                group.create_task(part.run(), name=type(part).__name__)
                for part in (
                    markets,
                    view,
                    commands,
                    configuration,
                    archive,
                    footing,
                    identity,
                    door.calls,
                )
            ]
            serving = group.create_task(server.serve(), name="server")
            stopping = group.create_task(stop.wait(), name="stop")
            await asyncio.wait((serving, stopping), return_when=asyncio.FIRST_COMPLETED)
            await _close(door)
            server.should_exit = True
            await serving
            for task in (stopping, *parts):
                task.cancel()
    finally:
        identity.close()
        async with asyncio.timeout(STOP_LIMIT_S):
            await asyncio.gather(frames.stop(), entries.stop())


async def _close(door: Door) -> None:
    try:
        await door.calls.shut(SHUTDOWN_LIMIT_S)
    except TimeoutError:
        log.warning("calls were still in work after %d s", SHUTDOWN_LIMIT_S)


def _server(door: Door, settings: Settings) -> uvicorn.Server:
    """It leaves signals to whoever runs it, and has no lifespan: `serve` is one."""
    config = uvicorn.Config(
        door,
        host=settings.host,
        port=settings.api_port,
        http=cast("type[asyncio.Protocol]", Connections(Limits.of(settings))),
        ws=Connection,
        ws_max_size=BODY_BYTES_MAX,
        ws_ping_interval=PING_EVERY_S,
        ws_ping_timeout=PONG_LIMIT_S,
        ws_per_message_deflate=False,
        lifespan="off",
        log_config=None,
        log_level=logging.WARNING,
        access_log=False,
        proxy_headers=bool(settings.proxies),
        forwarded_allow_ips=settings.proxies,
        server_header=False,
        backlog=BACKLOG,
        timeout_keep_alive=settings.idle_s,
        timeout_graceful_shutdown=SHUTDOWN_LIMIT_S,
    )
    return _Server(config)


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
