"""How diffs of a book begin: with the book itself, or after the last event that a client has."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from itertools import pairwise
from typing import Any

import pytest
from aiokafka.errors import KafkaConnectionError
from hypothesis import given
from hypothesis import strategies as st

from api.client.checksum import checksum
from api.feeds.markets import Markets
from api.ws.channels import Subscriber
from api.ws.depth_channels import DiffChannel
from api.ws.frames import Frame
from api.ws.hub import Hub, NoPast
from api.ws.past import RESUMING_MAX, Resumptions
from streams.messages import Depth, MarketId
from tests.unit.feeds.samples import BTC, NOON, diff, levels, snapshot

LIMIT_S = 5


class Client:
    """Keeps a book as docs/streams.md tells to."""

    def __init__(self) -> None:
        self.heard: list[Any] = []
        self.bids: dict[str, str] = {}
        self.asks: dict[str, str] = {}
        self.last: int | None = None
        self.begun = asyncio.Event()

    def send(self, frame: Frame) -> None:
        told = json.loads(frame.payload)
        self.heard.append(told)
        if told["e"] == "depthSnapshot":
            self.bids, self.asks = dict(told["b"]), dict(told["a"])
        else:
            assert self.last is None or told["U"] == self.last + 1
            for side, changes in ((self.bids, told["b"]), (self.asks, told["a"])):
                side.update(changes)
        self.last = told["u"]
        if "c" in told:
            assert told["c"] == self.checksum()
        self.begun.set()

    def book(self) -> tuple[dict[str, str], dict[str, str]]:
        return _there(self.bids), _there(self.asks)

    def checksum(self) -> int:
        bids, asks = self.book()
        return checksum(
            sorted(bids.items(), key=_price, reverse=True), sorted(asks.items(), key=_price)
        )


def _there(side: dict[str, str]) -> dict[str, str]:
    return {price: quantity for price, quantity in side.items() if float(quantity)}


def _price(level: tuple[str, str]) -> float:
    return float(level[0])


class Log:
    """What was written to `depth`, and how much of it is still there."""

    def __init__(self, markets: Markets) -> None:
        self._markets = markets
        self.records: list[Depth] = []
        self.kept_from = 0
        self.reads = 0
        self.away = False
        self.asked = asyncio.Event()
        self.before_reading = asyncio.Event()
        self.before_reading.set()

    def write(self, depth: Depth) -> None:
        self.records.append(depth)
        self._markets.take_depth(depth)

    def change(self, seq: int) -> None:
        self.write(diff(seq, seq, levels(f"{90 + seq % 9} x {seq % 5}")))

    async def since(self, market: MarketId, since: int, until: int) -> list[Depth] | None:
        self.reads += 1
        self.asked.set()
        at_hand = [each for each in self.records if each.seq > since]
        await self.before_reading.wait()
        if self.away:
            raise KafkaConnectionError
        return at_hand if at_hand[0].first_seq >= self.kept_from else None


class OnLog(NoPast):
    def __init__(self, resumptions: Resumptions) -> None:
        self._resumptions = resumptions

    def resume(self, channel: DiffChannel, subscriber: Subscriber, since: int) -> bool:
        return self._resumptions.resume(channel, subscriber, since)

    def give_up(self, channel: DiffChannel, subscriber: Subscriber) -> None:
        self._resumptions.give_up(channel, subscriber)


class Venue:
    def __init__(self) -> None:
        self.markets = Markets()
        self.log = Log(self.markets)
        self.resumptions = Resumptions(self.log.since)
        self.hub = Hub(self.markets, lambda: NOON, OnLog(self.resumptions))
        self.log.write(snapshot(1, levels("89 x 1"), levels("101 x 1")))

    def book(self) -> tuple[dict[str, str], dict[str, str]]:
        book = self.markets.feeds[BTC].book
        return dict(book.bids.top(5_000)), dict(book.asks.top(5_000))


@pytest.fixture
async def venue() -> AsyncIterator[Venue]:
    venue = Venue()
    running = asyncio.create_task(venue.resumptions.run())
    yield venue
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def begun(client: Client) -> None:
    await asyncio.wait_for(client.begun.wait(), LIMIT_S)


def test_a_snapshot_in_band_is_followed_by_the_next_event() -> None:
    venue, early, late = Venue(), Client(), Client()
    venue.hub.subscribe("btcusdt@depth?snapshot=true&checksum=true", early)
    for seq in range(2, 30):
        venue.log.change(seq)
        if seq == 11:
            # In the middle of a period.
            venue.hub.subscribe("btcusdt@depth?snapshot=true&checksum=true", late)
        if seq % 10 == 0:
            venue.hub.tick(NOON + 1_000 * seq)
    venue.hub.tick(NOON + 99_000)

    assert (late.heard[0]["e"], late.heard[0]["u"]) == ("depthSnapshot", 11)
    assert (late.heard[0]["r"], late.heard[0]["E"]) == ("SUBSCRIBED", NOON)
    for client in (early, late):
        assert client.book() == venue.book()
        assert all(b["U"] == a["u"] + 1 for a, b in pairwise(client.heard))
        assert client.last == 29


def test_a_book_that_is_not_there_yet_is_sent_when_it_is() -> None:
    markets, client = Markets(), Client()
    hub = Hub(markets, lambda: NOON)
    hub.subscribe("btcusdt@depth?snapshot=true", client)
    markets.take_depth(diff(4, 4))
    hub.tick(NOON)
    assert client.heard == []
    markets.take_depth(snapshot(5, levels("99 x 1"), []))
    assert client.heard[0]["u"] == 5


async def test_who_comes_back_gets_what_it_missed_as_one_diff(venue: Venue) -> None:
    client = Client()
    venue.hub.subscribe("btcusdt@depth?snapshot=true", client)
    venue.hub.unsubscribe("btcusdt@depth?snapshot=true", client)
    for seq in range(2, 20):
        venue.log.change(seq)
    client.begun.clear()
    venue.hub.subscribe("btcusdt@depth?from=1", client)
    await begun(client)
    venue.log.change(20)
    venue.hub.tick(NOON + 9_000)

    assert [(each.get("U"), each["u"]) for each in client.heard] == [(None, 1), (2, 19), (20, 20)]
    assert client.book() == venue.book()


async def test_what_happens_while_the_log_is_read_is_in_it(venue: Venue) -> None:
    client = Client()
    client.last = 1
    for seq in range(2, 10):
        venue.log.change(seq)
    venue.log.before_reading.clear()
    venue.hub.subscribe("btcusdt@depth?from=1", client)
    await asyncio.wait_for(venue.log.asked.wait(), LIMIT_S)
    for seq in range(10, 15):
        venue.log.change(seq)
        venue.hub.tick(NOON + 1_000 * seq)
    venue.log.before_reading.set()
    await begun(client)
    assert [(each["U"], each["u"]) for each in client.heard] == [(2, 14)]


async def test_what_is_too_far_back_is_said_and_made_good(venue: Venue) -> None:
    old, recent = Client(), Client()
    for seq in range(2, 20):
        venue.log.change(seq)
    venue.log.kept_from = 10
    venue.hub.subscribe("btcusdt@depth?from=3", old)
    venue.hub.subscribe("btcusdt@depth?from=12", recent)
    await begun(old)
    await begun(recent)
    assert (old.heard[0]["e"], old.heard[0]["r"]) == ("depthSnapshot", "TOO_FAR_BACK")
    assert old.book() == venue.book()
    assert [(each["U"], each["u"]) for each in recent.heard] == [(13, 19)]


async def test_a_log_that_can_not_be_read_costs_no_more_than_a_snapshot(venue: Venue) -> None:
    client = Client()
    venue.log.change(2)
    venue.log.away = True
    venue.hub.subscribe("btcusdt@depth?from=1", client)
    await begun(client)
    assert client.heard[0]["r"] == "TOO_FAR_BACK"


async def test_who_has_missed_nothing_hears_what_comes(venue: Venue) -> None:
    client, ahead = Client(), Client()
    venue.hub.subscribe("btcusdt@depth?from=1", client)
    venue.hub.subscribe("btcusdt@depth?from=3", ahead)
    venue.log.change(2)
    venue.hub.tick(NOON)
    assert [(each["U"], each["u"]) for each in client.heard] == [(2, 2)]
    assert ahead.heard == client.heard
    assert venue.log.reads == 0


async def test_too_many_at_once_get_the_book_and_one_reading_serves_many(venue: Venue) -> None:
    clients = [Client() for _ in range(RESUMING_MAX + 1)]
    venue.log.change(2)
    for client in clients:
        venue.hub.subscribe("btcusdt@depth?from=1", client)
    assert clients[-1].heard[0]["r"] == "BUSY"
    for client in clients:
        await begun(client)
    assert {client.heard[0]["e"] for client in clients[:-1]} == {"depthUpdate"}
    assert venue.log.reads == 1


async def test_who_leaves_meanwhile_hears_nothing(venue: Venue) -> None:
    client, other = Client(), Client()
    venue.log.change(2)
    for each in (client, other):
        venue.hub.subscribe("btcusdt@depth?from=1", each)
    venue.hub.unsubscribe("btcusdt@depth?from=1", client)
    await begun(other)
    assert client.heard == []
    venue.hub.unsubscribe("btcusdt@depth?from=1", other)
    assert venue.hub.streams == 0


moves = st.lists(
    st.tuples(st.integers(1, 3), st.integers(80, 99), st.integers(0, 4), st.booleans()), max_size=60
)


@given(moves, st.integers(0, 59))
def test_a_book_kept_with_a_break_in_it_is_the_book(
    changes: list[tuple[int, int, int, bool]], gone: int
) -> None:
    """Ticks fall anywhere; the client is away for some of it."""

    async def run() -> None:
        venue, client, seq = Venue(), Client(), 1
        running = asyncio.create_task(venue.resumptions.run())
        name = "btcusdt@depth?snapshot=true&checksum=true"
        venue.hub.subscribe(name, client)
        for number, (events, price, quantity, ticks) in enumerate(changes):
            if number == gone:
                venue.hub.unsubscribe(name, client)
            bids = levels(f"{price} x {quantity}")
            venue.log.write(diff(seq + 1, seq + events, bids))
            seq += events
            if ticks:
                venue.hub.tick(NOON + 1_000 * number)
            if number == gone:
                client.begun.clear()
                venue.hub.subscribe(f"btcusdt@depth?checksum=true&from={client.last}", client)
                await begun(client)
        venue.hub.tick(NOON + 1_000_000)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        assert client.book() == venue.book()
        assert client.last == seq

    asyncio.run(run())
