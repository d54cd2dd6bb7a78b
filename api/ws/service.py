"""The process of the WebSocket door."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from api.accounts.archive import Archive
from api.feeds.market_view import MarketView
from api.private.feed import LogPast, PrivateFeed
from api.private.listen_keys import Rights
from api.private.updates_tail import UpdatesTail
from api.ws.app import Door
from api.ws.connection import Connection
from api.ws.garbage import Garbage, take_over
from api.ws.hub import Hub, now_ms
from api.ws.outbox import OUTBOX_FRAMES_MAX
from api.ws.past import FromLogAndDatabase
from api.ws.private import PrivateStreams
from api.ws.requests import MESSAGE_BYTES_MAX
from infra.settings import Settings
from infra.signals import run_until_signal

log = logging.getLogger(__name__)

PING_EVERY_S = 20.0
PONG_LIMIT_S = 60.0
SHUTDOWN_LIMIT_S = 8.0
BACKLOG = 2_048

SEND_BUFFER_BYTES = 256 * 1024
"""What the kernel may keep for a client. Left to itself it would take megabytes, and a client that
has stopped reading would look well for as long."""


def run(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT. Raises what stops the service."""
    take_over()
    run_until_signal(lambda stop: serve(settings, stop))


async def serve(
    settings: Settings, stop: asyncio.Event, *, frames_max: int = OUTBOX_FRAMES_MAX
) -> None:
    """Serve until `stop` is set: then clients are told, and closed with 1012.

    Raises what a part of the service failed with, `OSError` where the port is taken.
    """
    view, archive = MarketView(settings), Archive(settings)
    past = FromLogAndDatabase(settings, archive, view)
    hub = Hub(view, past=past)
    tail = UpdatesTail(settings)
    feed = PrivateFeed(settings, tail, LogPast(settings), archive.epoch)
    private = PrivateStreams(feed, Rights(archive, now_ms), now_ms)
    garbage = Garbage()
    door = Door(
        view,
        hub,
        private,
        on_end=garbage.connection_ended,
        frames_max=frames_max,
        connections_5m=settings.stream_connections_5m,
    )
    server = server_of(door, settings.proxies)
    with listen(settings.host, settings.ws_port) as listening:
        async with asyncio.TaskGroup() as group:
            parts = (
                view.run(),
                archive.run(),
                hub.run(),
                past.run(hub),
                tail.run(),
                private.run(),
                garbage.run(),
            )
            followers = [group.create_task(part) for part in parts]
            serving = group.create_task(server.serve(sockets=[listening]))
            await stop.wait()
            await _close(door)
            server.should_exit = True
            await serving
            for follower in followers:
                follower.cancel()


async def _close(door: Door) -> None:
    try:
        await door.shut(SHUTDOWN_LIMIT_S)
    except TimeoutError:
        log.warning("clients were still connected %.0f s after goodbye", SHUTDOWN_LIMIT_S)


def server_of(door: Door, proxies: str = "") -> uvicorn.Server:
    """The server of a door, which believes these proxies where clients are. It leaves signals to
    whoever runs it.
    """
    config = uvicorn.Config(
        door.app,
        http="httptools",
        ws=Connection,
        ws_max_size=MESSAGE_BYTES_MAX,
        ws_ping_interval=PING_EVERY_S,
        ws_ping_timeout=PONG_LIMIT_S,
        # It would compress every frame anew for every client.
        ws_per_message_deflate=False,
        lifespan="off",
        log_config=None,
        log_level=logging.WARNING,
        access_log=False,
        proxy_headers=bool(proxies),
        forwarded_allow_ips=proxies,
        server_header=False,
        backlog=BACKLOG,
        timeout_graceful_shutdown=1,
    )
    return _Server(config)


class _Server(uvicorn.Server):
    """uvicorn's own handler would close the connections before they are told why."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def listen(host: str, port: int) -> socket.socket:
    """A bound socket whose connections buffer little. Raises `OSError`."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Connections inherit it.
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        listening.bind((host, port))
    except OSError:
        listening.close()
        raise
    return listening
