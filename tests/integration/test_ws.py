"""The WebSocket door on a real broker: what clients receive of what is on the log."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiokafka import AIOKafkaProducer
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosedError

from api.client.checksum import checksum
from api.feeds.market_view import MarketView
from api.ws.outbox import OUTBOX_FRAMES_MAX
from api.ws.service import serve
from infra.bring_up import create_topics_and_tables
from infra.local.kafka import Kafka
from infra.ports import free_port
from infra.processes import Records
from infra.settings import Settings
from streams.messages import MarketId, encode_event
from streams.messages.events import PublicEvent
from streams.runtime.provision import create_topics
from streams.topics import DEPTH, MARKETS, TRADES, Topic
from tests.unit.feeds.samples import diff, levels, market, snapshot, trade

LIMIT_S = 20

Levels = dict[str, str]


class Log:
    """Writes public events as markets do."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._producer = AIOKafkaProducer(
            bootstrap_servers=settings.kafka, acks="all", enable_idempotence=True, linger_ms=1
        )

    async def __aenter__(self) -> Log:
        await self._producer.start()
        return self

    async def __aexit__(self, *failure: object) -> None:
        await self._producer.stop()

    async def write(self, topic: Topic, event: PublicEvent, partition: int = 0) -> None:
        """Returns before it is acknowledged; `flush` waits for that."""
        await self.write_bytes(topic, encode_event(event), partition)

    async def write_bytes(self, topic: Topic, value: bytes, partition: int = 0) -> None:
        await self._producer.send(
            topic.name(self._settings.venue), value, key=b"", partition=partition
        )

    async def flush(self) -> None:
        await asyncio.wait_for(self._producer.flush(), LIMIT_S)


class Maker:
    """A market whose book changes at random; knows what the book is."""

    def __init__(self, log: Log, name: str, partition: int = 0) -> None:
        self.name = MarketId(name)
        self.bids: Levels = {}
        self.asks: Levels = {}
        self.seq = 1
        self._log = log
        self._partition = partition
        self._chance = random.Random(name)

    async def open(self) -> None:
        listed = market(self.name, partition=self._partition)
        await self._log.write(MARKETS, listed)
        await self.write_snapshot()
        await self._log.flush()

    async def write_snapshot(self) -> None:
        bids, asks = list(self.bids.items()), list(self.asks.items())
        await self._log.write(DEPTH, snapshot(self.seq, bids, asks, self.name), self._partition)

    async def move(self, changes: int) -> None:
        """Write so many diffs of one to three events each."""
        for _ in range(changes):
            first, self.seq = self.seq + 1, self.seq + self._chance.randint(1, 3)
            bid, ask = (self._chance.randrange(low, low + 50) for low in (50, 100))
            bids = levels(f"{bid} x {self._chance.randrange(3)}")
            asks = levels(f"{ask} x {self._chance.randrange(3)}")
            change(self.bids, bids)
            change(self.asks, asks)
            event = diff(first, self.seq, bids, asks, self.name)
            await self._log.write(DEPTH, event, self._partition)
        await self._log.flush()


def change(side: Levels, changes: list[tuple[str, str]] | list[list[str]]) -> None:
    """Set absolute quantities; zero removes the level."""
    for price, quantity in changes:
        if float(quantity):
            side[price] = quantity
        else:
            side.pop(price, None)


@pytest.fixture(scope="module")
def settings(make_settings: Callable[..., Settings]) -> Settings:
    settings = make_settings(ws_port=free_port())
    create_topics_and_tables(settings)
    return settings


@pytest.fixture
async def log(settings: Settings) -> AsyncIterator[Log]:
    async with Log(settings) as log:
        yield log


@asynccontextmanager
async def serving(settings: Settings, frames_max: int = OUTBOX_FRAMES_MAX) -> AsyncIterator[str]:
    """The service in this process, ready; its address."""
    stop = asyncio.Event()
    service = asyncio.create_task(serve(settings, stop, frames_max=frames_max))
    try:
        await ready(settings)
        yield f"ws://{settings.host}:{settings.ws_port}"
    finally:
        stop.set()
        await asyncio.wait_for(service, LIMIT_S)


async def ready(settings: Settings) -> None:
    url = f"http://{settings.host}:{settings.ws_port}/ready"
    async with asyncio.timeout(LIMIT_S), httpx.AsyncClient() as http:
        while True:
            with suppress(httpx.TransportError):
                if (await http.get(url)).status_code == 200:
                    return
            await asyncio.sleep(0.02)


@asynccontextmanager
async def viewing(settings: Settings) -> AsyncIterator[MarketView]:
    """The view that REST answers from, as another process would hold it."""
    view = MarketView(settings)
    following = asyncio.create_task(view.run())
    try:
        await view.wait_ready(LIMIT_S)
        yield view
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)


async def hear(client: ClientConnection) -> Any:
    return json.loads(await asyncio.wait_for(client.recv(), LIMIT_S))


async def subscribe(client: ClientConnection, *names: str) -> None:
    await client.send(json.dumps({"method": "SUBSCRIBE", "params": names, "id": 1}))
    assert await hear(client) == {"result": None, "id": 1}


class LocalBook:
    """What a client makes of a diff stream and REST's snapshot by Binance's rule."""

    def __init__(self, view: MarketView, name: MarketId) -> None:
        self.last = 0
        self.bids: Levels = {}
        self.asks: Levels = {}
        self._rest = view.feeds[name].book
        self._changed = asyncio.Event()
        view.on_depth(lambda record, book: self._changed.set())

    async def follow(self, client: ClientConnection) -> None:
        event = await hear(client)
        await self._until(lambda: self._rest.seq >= event["U"])
        self.last = self._rest.seq
        self.bids = dict(self._rest.bids.top(5_000))
        self.asks = dict(self._rest.asks.top(5_000))
        while True:
            if event["u"] > self.last:
                assert event["U"] <= self.last + 1
                change(self.bids, event["b"])
                change(self.asks, event["a"])
                self.last = event["u"]
                self._changed.set()
            following = await hear(client)
            assert following["U"] == event["u"] + 1
            event = following

    async def reach(self, seq: int) -> None:
        await self._until(lambda: self.last >= seq)

    async def _until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(LIMIT_S):
            while not holds():
                self._changed.clear()
                await self._changed.wait()


async def test_the_local_book_rule_holds_over_many_diffs_and_reconnects(
    settings: Settings, log: Log
) -> None:
    maker = Maker(log, "RULEUSDT", partition=1)
    await maker.open()
    await maker.move(500)
    async with serving(settings) as url, viewing(settings) as view:
        for stream in ("depth@100ms", "depth", "depth@100ms"):
            async with connect(f"{url}/ws/ruleusdt@{stream}") as client:
                book = LocalBook(view, maker.name)
                following = asyncio.create_task(book.follow(client))
                for _ in range(20):
                    # Pauses, so that several windows pass.
                    await asyncio.gather(maker.move(50), asyncio.sleep(0.03))
                await asyncio.wait(
                    (following, asyncio.create_task(book.reach(maker.seq))),
                    return_when=asyncio.FIRST_COMPLETED,
                )
                assert not following.done(), following
                assert (book.bids, book.asks) == (maker.bids, maker.asks)
                following.cancel()
            # What happens while the client is away is in the next snapshot.
            await maker.move(50)


class Kept:
    """A book that a client keeps by the stream alone, checked by each checksum."""

    def __init__(self) -> None:
        self.last = 0
        self.reasons: list[str] = []
        self.bids: Levels = {}
        self.asks: Levels = {}

    async def follow(self, client: ClientConnection, until: int) -> None:
        while self.last < until:
            self.take(await hear(client))

    def take(self, event: Any) -> None:
        if event["e"] == "depthSnapshot":
            self.bids, self.asks = dict(event["b"]), dict(event["a"])
            self.reasons.append(event["r"])
        else:
            assert event["U"] == self.last + 1
            change(self.bids, event["b"])
            change(self.asks, event["a"])
        self.last = event["u"]
        if "c" in event:
            assert event["c"] == checksum(_ranked(self.bids, -1), _ranked(self.asks, 1))


def _ranked(side: Levels, sign: int) -> list[tuple[str, str]]:
    return sorted(side.items(), key=lambda level: sign * Decimal(level[0]))


async def test_a_book_is_kept_over_breaks_by_what_the_log_has(settings: Settings, log: Log) -> None:
    """A neighbour on the same partition, breaks in the middle of a burst, at last one too long."""
    maker, neighbour = (Maker(log, name, partition=7) for name in ("KEPTUSDT", "NEXTUSDT"))
    await maker.open()
    await neighbour.open()
    kept = Kept()
    async with serving(settings) as url, viewing(settings) as view:
        begin = "snapshot=true"
        for _ in range(5):
            address = f"{url}/ws/keptusdt@depth@100ms?checksum=true&{begin}"
            async with connect(address) as client:
                await asyncio.gather(maker.move(40), neighbour.move(300))
                await kept.follow(client, until=maker.seq)
            assert (kept.bids, kept.asks) == (maker.bids, maker.asks)
            book = view.feeds[maker.name].book
            if book.seq == kept.last:
                assert (dict(book.bids.top(5_000)), dict(book.asks.top(5_000))) == (
                    kept.bids,
                    kept.asks,
                )
            await asyncio.gather(maker.move(60), neighbour.move(900))
            begin = f"from={kept.last}"
        assert kept.reasons == ["SUBSCRIBED"]

        await neighbour.move(21_000)
        await maker.move(1)
        async with connect(f"{url}/ws/keptusdt@depth?from={kept.last}") as client:
            await kept.follow(client, until=maker.seq)
        assert kept.reasons == ["SUBSCRIBED", "TOO_FAR_BACK"]
        assert (kept.bids, kept.asks) == (maker.bids, maker.asks)


async def test_instances_side_by_side_tell_the_same(settings: Settings, log: Log) -> None:
    maker = Maker(log, "TWINUSDT", partition=3)
    await maker.open()
    another = settings.model_copy(update={"ws_port": free_port()})
    async with serving(settings) as one, serving(another) as other:
        streams = "streams=twinusdt@depth@100ms/twinusdt@trade/twinusdt@aggTrade&checksum=true"
        books = (Kept(), Kept())
        traded: tuple[list[Any], list[Any]] = ([], [])
        async with (
            connect(f"{one}/stream?{streams}&snapshot=true") as left,
            connect(f"{other}/stream?{streams}&snapshot=true") as right,
        ):
            for number in range(1, 101):
                await log.write(TRADES, trade(number, name=maker.name), partition=3)
            await maker.move(200)
            for client, book, trades in zip((left, right), books, traded, strict=True):
                while book.last < maker.seq or len(trades) < 200:
                    told = await hear(client)
                    if "@depth" in told["stream"]:
                        book.take(told["data"])
                    else:
                        trades.append(told)
        assert traded[0] == traded[1]
        assert (books[0].bids, books[0].asks) == (books[1].bids, books[1].asks)


async def test_a_book_is_found_however_far_back_its_last_snapshot_lies(
    settings: Settings, log: Log
) -> None:
    quiet, busy = Maker(log, "QUIETUSDT", partition=2), Maker(log, "BUSYUSDT", partition=2)
    await quiet.open()
    await quiet.move(3)
    await busy.open()
    await busy.move(9_000)

    async with serving(settings) as url, connect(f"{url}/ws/quietusdt@depth20") as client:
        shown = await hear(client)

    assert shown["lastUpdateId"] == quiet.seq
    assert dict(shown["bids"]) == quiet.bids
    assert dict(shown["asks"]) == quiet.asks


async def test_a_market_created_later_is_there_at_once(settings: Settings, log: Log) -> None:
    maker = Maker(log, "LATERUSDT")
    async with serving(settings) as url, connect(f"{url}/ws") as client:
        await subscribe(client, "laterusdt@bookTicker", "laterusdt@trade")
        await maker.open()
        assert (await hear(client))["u"] == 1
        await log.write(TRADES, trade(1, name=maker.name))
        assert (await hear(client))["t"] == 1


async def test_a_record_that_is_none_costs_nobody_else(settings: Settings, log: Log) -> None:
    maker = Maker(log, "POISONUSDT", partition=3)
    await maker.open()
    async with serving(settings) as url, connect(f"{url}/ws") as client:
        await subscribe(client, "poisonusdt@trade")
        for garbage in (b"", b"{", b'{"market":"POISONUSDT"}', b"\xff" * 100):
            await log.write_bytes(TRADES, garbage, partition=3)
        await log.write(TRADES, trade(1, name=maker.name), partition=3)

        assert (await hear(client))["t"] == 1


@pytest.mark.servers
async def test_a_view_shows_that_the_broker_is_away_and_goes_on_when_it_is_back(
    tmp_path: Path,
) -> None:
    broker = Kafka(tmp_path, Settings().cache, quick=True)
    try:
        address = await asyncio.to_thread(broker.start)
        settings = Settings().model_copy(update={"kafka": address, "venue": "outage"})
        await create_topics(settings)
        async with Log(settings) as log:
            maker = Maker(log, "OUTUSDT")
            await maker.open()
            async with viewing(settings) as view:
                running = Records(tmp_path).running(broker.name)
                assert running is not None
                os.kill(running.pid, signal.SIGKILL)
                await until(lambda: not view.ready)
                assert await asyncio.to_thread(broker.start) == address
                await maker.move(10)
                await view.wait_ready(LIMIT_S)

                book = view.feeds[maker.name].book
                await until(lambda: book.seq == maker.seq)
                assert (book.valid, book.gaps) == (True, 0)
                assert dict(book.bids.top(100)) == maker.bids
    finally:
        await asyncio.to_thread(broker.stop)


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(LIMIT_S):
        while not holds():  # noqa: ASYNC110 - there is no event for it
            await asyncio.sleep(0.02)


async def test_every_client_gets_every_trade(settings: Settings, log: Log) -> None:
    maker = Maker(log, "EVERYUSDT", partition=4)
    await maker.open()
    async with serving(settings) as url:
        clients = [await connect(f"{url}/ws") for _ in range(20)]
        for client in clients:
            await subscribe(client, "everyusdt@trade")
        for number in range(1, 1_001):
            await log.write(TRADES, trade(number, name=maker.name), partition=4)

        for client in clients:
            assert [(await hear(client))["t"] for _ in range(1_000)] == list(range(1, 1_001))
            await client.close()


async def test_a_client_that_stops_reading_is_closed_while_others_go_on(
    settings: Settings, log: Log
) -> None:
    maker = Maker(log, "SLOWUSDT", partition=5)
    await maker.open()
    async with serving(settings, frames_max=2_000) as url:
        slow = await stalled(url)
        await subscribe(slow, "slowusdt@trade")
        async with connect(f"{url}/ws") as other:
            await subscribe(other, "slowusdt@trade")
            for number in range(1, 12_001):
                await log.write(TRADES, trade(number, name=maker.name), partition=5)
                # In step with the one that reads, however busy this machine is.
                if number % 500 == 0:
                    heard = [(await hear(other))["t"] for _ in range(500)]
                    assert heard == list(range(number - 499, number + 1))

        got = [json.loads(text)["t"] async for text in until_closed(slow)]
        assert (slow.close_code, slow.close_reason) == (
            1008,
            "too slow: the outbound queue is full",
        )
        assert got == list(range(1, len(got) + 1))
        assert len(got) < 12_000


async def stalled(url: str) -> ClientConnection:
    """A client with little room, which does not read on its own."""
    host, port = url.removeprefix("ws://").split(":")
    narrow = socket.socket()
    narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    narrow.setblocking(False)
    await asyncio.get_running_loop().sock_connect(narrow, (host, int(port)))
    return await connect(f"{url}/ws", sock=narrow, max_queue=1, compression=None)


async def until_closed(client: ClientConnection) -> AsyncIterator[str]:
    with suppress(ConnectionClosedError):
        async for text in client:
            yield str(text)


async def test_sigterm_tells_clients_and_ends_the_process_cleanly(
    settings: Settings, log: Log
) -> None:
    await Maker(log, "ENDUSDT", partition=6).open()
    ours = {
        "VELOCITY_KAFKA": settings.kafka or "",
        "VELOCITY_CQL": settings.cql or "",
        "VELOCITY_VENUE": settings.venue,
        "VELOCITY_WS_PORT": str(settings.ws_port),
    }
    command = "from api.ws.service import run; from infra.settings import settings; run(settings())"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", command, env={**os.environ, **ours}
    )
    try:
        await ready(settings)
        url = f"ws://{settings.host}:{settings.ws_port}"
        async with connect(f"{url}/ws") as client:
            await subscribe(client, "endusdt@trade")
            process.send_signal(signal.SIGTERM)

            assert (await hear(client))["e"] == "serverShutdown"
            assert [text async for text in until_closed(client)] == []
            assert client.close_code == 1012
        assert await asyncio.wait_for(process.wait(), LIMIT_S) == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
