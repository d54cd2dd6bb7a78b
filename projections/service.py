"""One process that keeps all read models up to date."""

from __future__ import annotations

import asyncio
import gc
import logging
from contextlib import AsyncExitStack

from infra.health import Health
from infra.settings import Settings
from infra.signals import run_until_signal
from projections.consumer import FeedConsumer
from projections.dead_letters import DeadLetters
from projections.epoch import epoch_of
from projections.feeds import FEEDS
from projections.patience import Faults, until_done
from projections.session import Database
from projections.status import StatusBoard
from projections.writer import Writer

WATCH_EVERY_S = 5.0
GARBAGE_MIN = 50_000
"""Objects made and still there before the collector looks: a poll makes thousands of rows, all of
which are gone with it, and none of them in cycles. At Python's 700 it takes a tenth of the time."""

PING = "SELECT bucket FROM {venue}.buckets LIMIT 1"

log = logging.getLogger(__name__)


def run(settings: Settings) -> None:
    """Project until SIGTERM or SIGINT. Raises what stopped it before that."""
    run_until_signal(lambda stop: _project_until(stop, settings))


async def _project_until(stop: asyncio.Event, settings: Settings) -> None:
    work = asyncio.create_task(project(settings, Health()), name="projections")
    signalled = asyncio.create_task(stop.wait(), name="signal")
    await asyncio.wait({work, signalled}, return_when=asyncio.FIRST_COMPLETED)
    signalled.cancel()
    work.cancel()
    try:
        await work
    except asyncio.CancelledError:
        log.info("stopped")


async def project(settings: Settings, health: Health) -> None:
    """Bring all feeds into the database until cancelled.

    While the broker or the database is away, `health` says so and nothing is lost. Anything else
    that goes wrong with one feed ends all of them: raises an `ExceptionGroup`. Where the tables
    are missing it raises `cassandra.InvalidRequest`.
    """
    board = StatusBoard(health)
    async with AsyncExitStack() as stack:
        if settings.health_port:
            server = await health.serve(settings.host, settings.health_port)
            await stack.enter_async_context(server)
        database = await until_done(lambda: Database.connect(settings), "database", board.faults)
        stack.push_async_callback(database.close)
        await _look_at(database, board.faults)
        epoch = await until_done(lambda: epoch_of(database), "database", board.faults)
        gc.collect()
        gc.freeze()
        gc.set_threshold(GARBAGE_MIN)
        dead_letters = DeadLetters(settings)
        stack.push_async_callback(dead_letters.close)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(_watch(database, board.faults), name="database")
            for feed in FEEDS:
                consumer = FeedConsumer(
                    settings, feed, Writer(database), dead_letters, board.feed(feed.name), epoch
                )
                tasks.create_task(consumer.run(), name=feed.name)


async def _watch(database: Database, faults: Faults) -> None:
    """Find out that the database is away also while there is nothing to write."""
    while True:
        await asyncio.sleep(WATCH_EVERY_S)
        await _look_at(database, faults)


async def _look_at(database: Database, faults: Faults) -> None:
    """See that the database answers, and has the venue's tables."""
    await until_done(lambda: database.execute(PING), "database", faults)
