"""A worker that recovers is silent about what it said before, and about nothing else."""

from __future__ import annotations

from random import Random

from streams.messages import (
    FRAME_VERSION,
    AccountId,
    Cancel,
    Depth,
    DepthKind,
    Frame,
    MarketCommand,
    MarketId,
    Millis,
    OrderId,
    RequestId,
    Sequence,
    encode_event,
    encode_frame,
    market_frames,
)
from streams.outputs import Output
from streams.runtime.ports import Place, Record
from streams.runtime.published import published
from streams.runtime.publisher import Publisher
from streams.runtime.transport import Lease
from streams.topics import DEPTH, ORDERS
from tests.simulation.log import Broker, SimulatedLog
from tests.simulation.process import Process
from tests.simulation.weather import Weather

SOURCE, PLACE = "ledger:0", (ORDERS, 0)
BTCUSDT = MarketId("BTCUSDT")
CANCEL = Cancel(RequestId(1), OrderId(1), AccountId("ann"), BTCUSDT)


def frame(first: int, last: int, version: int = FRAME_VERSION) -> Record:
    commands: list[MarketCommand] = [CANCEL] * (last + 1 - first)
    return Record(b"", encode_frame(Frame(version, SOURCE, Sequence(first), commands)), [])


class Ledger:
    """What a ledger's worker has to write with, on a partition of `orders` of its own."""

    def __init__(self) -> None:
        lease = Lease(session_s=float("inf"))
        lease.renew(0)
        self.log = SimulatedLog(Broker(Weather(Random(0))), Process("ledger"), lease)
        self.publisher = Publisher(self.log, "venue")

    async def recover(self, start: int = 0) -> None:
        """Read back what was published, from an offset on."""
        starts: dict[Place, int] = {PLACE: start}
        self.publisher.keep_silent_about(await published(self.log, starts))

    async def say(self, first: int, last: int) -> list[int]:
        """Put out cancels with these numbers; returns those that reach the log."""
        (_, start) = (await self.log.bounds([PLACE]))[PLACE]
        await self.publisher.publish(
            Output(ORDERS, 0, "BTCUSDT", SOURCE, Sequence(seq), CANCEL)
            for seq in range(first, last + 1)
        )
        numbers: list[int] = []
        async for _, records in self.log.read({PLACE: start}):
            for record in records:
                written = market_frames.decode(record.value)
                numbers += range(written.first_seq, written.first_seq + len(written.commands))
        return numbers


async def test_what_was_published_is_not_said_again_and_the_rest_is() -> None:
    ledger = Ledger()
    await ledger.log.append({PLACE: [frame(1, 2), frame(3, 5)]})
    await ledger.recover()
    assert await ledger.say(2, 7) == [6, 7]


async def test_a_forged_frame_from_far_ahead_silences_nobody() -> None:
    """Receivers refuse it, so what follows is still to be said."""
    ledger = Ledger()
    await ledger.log.append({PLACE: [frame(1, 2), frame(1_000, 1_000), frame(3, 3)]})
    await ledger.recover()
    assert await ledger.say(1, 5) == [4, 5]


async def test_a_frame_of_another_version_silences_nobody() -> None:
    ledger = Ledger()
    await ledger.log.append({PLACE: [frame(1, 2), frame(3, 3, version=99)]})
    await ledger.recover()
    assert await ledger.say(1, 4) == [3, 4]


async def test_what_another_worker_said_meanwhile_is_known_when_the_partition_comes_back() -> None:
    ledger = Ledger()
    await ledger.log.append({PLACE: [frame(1, 3)]})
    await ledger.recover()
    assert await ledger.say(1, 2) == []
    # The partition moves, and comes back with a checkpoint taken after number 5.
    await ledger.log.append({PLACE: [frame(4, 5), frame(6, 9)]})
    await ledger.recover(start=2)
    assert await ledger.say(6, 10) == [10]


async def test_a_book_told_whole_says_that_its_diffs_were_told() -> None:
    """A quiet market's last diff may be gone from `depth`, which is kept for a day, while a replay
    of more than a day (from scratch) makes it again.
    """
    ledger, place = Ledger(), (DEPTH, 0)

    def book(seq: int, kind: DepthKind) -> Depth:
        return Depth(
            market=BTCUSDT,
            seq=Sequence(seq),
            time=Millis(0),
            kind=kind,
            first_seq=Sequence(seq),
            bids=[],
            asks=[],
        )

    def depth(seq: int, kind: DepthKind = DepthKind.DIFF) -> Output:
        return Output(DEPTH, 0, BTCUSDT, BTCUSDT, Sequence(seq), book(seq, kind))

    whole = Record(b"", encode_event(book(5, DepthKind.SNAPSHOT)), [])
    await ledger.log.append({place: [whole]})
    ledger.publisher.keep_silent_about(await published(ledger.log, {place: 0}))
    await ledger.publisher.publish([depth(3), depth(5), depth(5, DepthKind.SNAPSHOT), depth(6)])
    (_, end) = (await ledger.log.bounds([place]))[place]
    assert end == 2
