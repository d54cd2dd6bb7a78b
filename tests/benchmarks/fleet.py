"""Several matching workers over several markets, each worker a process, on a real log."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import msgspec
from aiokafka import TopicPartition

from infra import launch
from infra.bring_up import create_topics_and_tables
from infra.kafka.consumer import consuming
from infra.ports import HOST, free_port
from infra.processes import tail
from infra.services import BY_NAME
from infra.settings import Settings
from streams.matching.partition import MatchingPartition
from streams.messages import (
    FRAME_VERSION,
    ConfigureMarket,
    Frame,
    MarketConfig,
    MarketId,
    Millis,
    Sequence,
    encode_frame,
)
from streams.topics import ORDERS, UPDATES
from tests.benchmarks.clients import CONFIG, MID, Clients
from tests.benchmarks.records import fill
from tests.benchmarks.workloads import habits, split, spread_out

LIMIT_S = 120.0
ASKED_EVERY_S = 0.02
OPENING = 1_000


def drained_s(settings: Settings, markets: int, workers: int, commands: int) -> float:
    """How long workers that wait for orders take to answer so many, spread over the markets.

    Each market has a partition to itself, and the workers share them. Raises `TimeoutError`.
    """
    create_topics_and_tables(settings)
    records = {market: _records(market, commands // markets) for market in range(markets)}
    expected = sum(_updates(market, held) for market, held in records.items())
    with tempfile.TemporaryDirectory(prefix="velocity-bench-") as folder:
        fleet = [
            Worker(settings.model_copy(update={"home": Path(folder), "worker": str(number)}))
            for number in range(workers)
        ]
        try:
            _share(fleet, settings.market_partitions)
            return asyncio.run(_answered_s(settings, records, expected))
        finally:
            for worker in fleet:
                worker.stop()


def configure(config: MarketConfig) -> bytes:
    """The record that opens a market."""
    return encode_frame(Frame(FRAME_VERSION, "", Sequence(0), [ConfigureMarket(config)]))


class Worker:
    """A matching worker in a process of its own."""

    def __init__(self, settings: Settings) -> None:
        port = free_port()
        self._log = settings.home / f"matching-{settings.worker}.log"
        self._url = f"http://{HOST}:{port}"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "infra.cli", "matching"],
                env=launch.environment(BY_NAME["matching"], settings, port),
                stdout=log,
                stderr=log,
            )

    def holds(self) -> list[int]:
        """The partitions it holds and has caught up with. Raises `RuntimeError` if it ended."""
        if self._process.poll() is not None:
            raise RuntimeError(f"a worker ended:\n{tail(self._log)}")
        told = launch.readiness(self._url)
        return list(told.get("partitions", [])) if told.get("ready") else []

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(LIMIT_S)


def _share(fleet: list[Worker], partitions: int) -> None:
    """Return once the workers hold all partitions, each as many as any other."""
    deadline = time.monotonic() + LIMIT_S
    share = partitions // len(fleet)
    while [len(worker.holds()) for worker in fleet] != [share] * len(fleet):
        if time.monotonic() > deadline:
            raise TimeoutError(f"the workers do not share: {[w.holds() for w in fleet]}")
        time.sleep(ASKED_EVERY_S)


def _records(market: int, commands: int) -> list[bytes]:
    """What a market's partition of `orders` holds: it opens, then trades as on a normal day."""
    config = msgspec.structs.replace(CONFIG, market=MarketId(f"M{market}USDT"), partition=market)
    clients = Clients(f"market {market}", config, 1)
    spread_out(clients, MID, OPENING, 100)
    for _ in clients.send(commands - OPENING):
        habits(clients, MID)
    return [configure(config), *split(clients.commands, len(clients.commands)).opening]


def _updates(market: int, records: list[bytes]) -> int:
    """How many updates follow from a partition's records."""
    partition = MatchingPartition(market, 1)
    outputs = [
        output
        for offset, each in enumerate(records)
        for output in partition.apply(offset, Millis(1), each)
    ]
    return sum(output.topic is UPDATES for output in outputs)


async def _answered_s(settings: Settings, records: dict[int, list[bytes]], updates: int) -> float:
    """How long it takes from now until the log has so many updates."""
    place = TopicPartition(UPDATES.name(settings.venue), 0)
    async with consuming(settings.broker) as consumer:
        consumer.assign([place])
        began = time.perf_counter()
        await fill(settings, {(ORDERS, market): held for market, held in records.items()})
        while (taken := time.perf_counter() - began) < LIMIT_S:
            if (await consumer.end_offsets([place]))[place] >= updates:
                return taken
            await asyncio.sleep(ASKED_EVERY_S)
        raise TimeoutError(f"{updates} updates are not on the log after {LIMIT_S} s")
