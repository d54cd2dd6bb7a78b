"""A batch's outputs go to the log a portion at a time, each once the log has the one before."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Iterable, Mapping

import pytest

from infra.health import Health
from infra.settings import Settings
from streams.messages import Sequence
from streams.outputs import Output
from streams.runtime.partitions import Partitions
from streams.runtime.ports import Checkpoint, Kept, Mark, Place, Record
from streams.runtime.publisher import TURNS_TO_SOCKET
from streams.topics import UPDATES, Topic
from tests.integration.counting_worker import ROLE

PORTION = 4
SETTINGS = Settings(account_partitions=1, market_partitions=1)


class Log:
    """A broker that acknowledges when it is told to."""

    def __init__(self) -> None:
        self.acks: list[asyncio.Future[None]] = []
        self.arrived = asyncio.Event()
        self.sent: list[int] = []

    async def append(self, records: Mapping[Place, list[Record]]) -> dict[Place, int]:
        self.sent.append(len(records[UPDATES, 0]))
        ack = asyncio.get_running_loop().create_future()
        self.acks.append(ack)
        self.arrived.set()
        await ack
        return {(UPDATES, 0): sum(self.sent)}

    async def read(self, starts: Mapping[Place, int]) -> AsyncIterator[tuple[Place, list[Kept]]]:
        return
        yield

    async def bounds(self, places: Iterable[Place]) -> dict[Place, tuple[int, int]]:
        return dict.fromkeys(places, (0, 0))

    async def next(self) -> asyncio.Future[None]:
        """The acknowledgement that is due for what was sent next."""
        async with asyncio.timeout(5):
            await self.arrived.wait()
        self.arrived.clear()
        return self.acks[-1]


class Store:
    """A database that holds nothing."""

    async def checkpoints(self, role: str, partition: int) -> list[Checkpoint]:
        return []

    async def chunks(self, checkpoint: Checkpoint) -> list[bytes]:
        raise AssertionError("there is no checkpoint")

    async def save(self, checkpoint: Checkpoint, chunks: list[bytes]) -> None:
        raise AssertionError("none is due")

    async def mark(self, mark: Mark) -> None:
        pass  # nothing here comes back

    async def marked(self, role: str, partition: int) -> Mark | None:
        return None

    async def forget(self, checkpoint: Checkpoint) -> None:
        raise AssertionError("there is none")

    async def archived(self, topic: Topic, partition: int, start: int) -> AsyncIterator[Kept]:
        return
        yield


@pytest.fixture
def log() -> Log:
    return Log()


@pytest.fixture
async def partitions(log: Log) -> Partitions:
    found = Partitions(ROLE, SETTINGS, log, Store(), Health(), PORTION)
    await found.assign([0])
    return found


def records(count: int, first: int = 0) -> list[Kept]:
    """Each makes two outputs, one of them to `updates`."""
    return [Kept(offset, 0, b"", b"record", []) for offset in range(first, first + count)]


async def turns() -> None:
    """Time enough for all that waits for nobody."""
    for _ in range(2 * TURNS_TO_SOCKET):
        await asyncio.sleep(0)


async def test_a_portion_waits_for_the_one_before_and_the_batch_for_all(
    log: Log, partitions: Partitions
) -> None:
    processing = asyncio.create_task(partitions.process(0, records(5)))
    for number in range(1, 4):
        ack = await log.next()
        assert len(log.sent) == number
        assert not processing.done()
        ack.set_result(None)
    await processing
    assert log.sent == [2, 2, 1]


async def test_the_next_portion_is_computed_while_the_log_takes_one(
    log: Log, partitions: Partitions
) -> None:
    processing = asyncio.create_task(partitions.process(0, records(4)))
    ack = await log.next()
    await turns()
    assert partitions.held[0].position == 4
    assert log.sent == [2]
    ack.set_result(None)
    (await log.next()).set_result(None)
    await processing


@pytest.fixture
async def on_its_way(log: Log, partitions: Partitions) -> asyncio.Future[None]:
    """The acknowledgement that is due for the last of a batch, while others are to follow it."""
    processing = asyncio.create_task(partitions.process(0, records(1)))
    (await log.next()).set_result(None)  # a mark was due
    await processing
    await partitions.process(0, records(1, 1), more_follow=True)
    return await log.next()


async def test_the_next_batch_is_computed_while_the_log_takes_the_last_of_one(
    log: Log, partitions: Partitions, on_its_way: asyncio.Future[None]
) -> None:
    processing = asyncio.create_task(partitions.process(0, records(1, 2), more_follow=True))
    await turns()
    assert partitions.held[0].position == 3
    assert log.sent == [1, 1]
    on_its_way.set_result(None)
    (await log.next()).set_result(None)
    await processing
    assert log.sent == [1, 1, 1]


async def test_who_lets_go_of_a_partition_waits_for_what_is_on_its_way(
    partitions: Partitions, on_its_way: asyncio.Future[None]
) -> None:
    releasing = asyncio.create_task(partitions.release())
    await turns()
    assert not releasing.done()
    on_its_way.set_result(None)
    await releasing


async def test_who_gives_up_waiting_leaves_it_on_its_way(
    partitions: Partitions, on_its_way: asyncio.Future[None]
) -> None:
    asking = asyncio.create_task(partitions.digests())
    await turns()
    asking.cancel()
    await asyncio.wait((asking,))
    on_its_way.set_result(None)
    await partitions.settle()
    assert partitions.held[0].position == 2


async def test_all_who_follow_are_told_what_failed_on_its_way(
    log: Log, partitions: Partitions, on_its_way: asyncio.Future[None]
) -> None:
    """Whoever asks first need not be the one that ends the process."""
    on_its_way.set_exception(ConnectionError("refused"))
    with pytest.raises(ConnectionError, match="refused"):
        await partitions.digests()
    with pytest.raises(ConnectionError, match="refused"):
        await partitions.settle()
    with pytest.raises(ConnectionError, match="refused"):
        await partitions.release()
    assert log.sent == [1, 1]


async def test_outputs_are_not_kept_while_the_log_takes_what_they_say(
    log: Log, partitions: Partitions, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two portions of a backlog would be in memory several times over."""
    machine = partitions.held[0].machine
    made: list[Output] = []
    apply = machine.apply

    def noted(offset: int, at: int, value: bytes) -> list[Output]:
        outputs = apply(offset, at, value)
        made.extend(outputs)
        return outputs

    monkeypatch.setattr(machine, "apply", noted)
    processing = asyncio.create_task(partitions.process(0, records(4)))
    ack = await log.next()
    await turns()
    alone = sys.getrefcount(made[-1])
    made.append(Output(UPDATES, 0, "", "", Sequence(1), made[0].message))
    assert len(made) == 9
    # Not in the assertion, which keeps what it compares.
    of_the_test = sys.getrefcount(made[-1])
    assert alone == of_the_test, "somebody else has it"
    ack.set_result(None)
    (await log.next()).set_result(None)
    await processing


async def test_nothing_follows_a_portion_that_the_log_refused(
    log: Log, partitions: Partitions
) -> None:
    """Else the log would have a gap, and a worker that comes back would take it for published."""
    processing = asyncio.create_task(partitions.process(0, records(4)))
    (await log.next()).set_exception(ConnectionError("refused"))
    with pytest.raises(ConnectionError, match="refused"):
        await processing
    assert log.sent == [2]
    assert not partitions.held, "a machine ahead of the log may be taken for one that is not"
