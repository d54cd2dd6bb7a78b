"""How a worker's machines come back: from what, how far they say they are, when they refuse."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Mapping

import msgspec
import pytest

from infra.health import Health
from infra.settings import Settings
from streams.messages import FRAME_VERSION, AccountId, Frame, OpenAccount, Sequence, encode_frame
from streams.messages.epoch import Epoch
from streams.runtime import checkpoints
from streams.runtime.checkpoints import Held
from streams.runtime.ledger_worker import ROLE
from streams.runtime.partitions import Partitions, PositionError
from streams.runtime.ports import Checkpoint, Kept, Mark, Place, Record
from streams.topics import COMMANDS, Topic

SETTINGS = Settings(venue="test").model_copy(update={"account_partitions": 1})
FROM_SCRATCH = SETTINGS.model_copy(update={"from_scratch": True})
SOURCE: Place = (COMMANDS, 0)


def opening(offset: int) -> Kept:
    """The record at this offset of `commands`: it opens an account of its own."""
    frame = Frame(FRAME_VERSION, "", Sequence(0), [OpenAccount(AccountId(f"account-{offset}"))])
    return Kept(offset, 1_000 + offset, b"", encode_frame(frame), [])


class Log:
    """A broker that holds the records of `commands` from `first` to before `end`."""

    def __init__(self, first: int, end: int) -> None:
        self.first, self.end = first, end
        self.appended = 0

    async def append(self, records: Mapping[Place, list[Record]]) -> dict[Place, int]:
        self.appended += sum(map(len, records.values()))
        return {place: len(appended) for place, appended in records.items()}

    async def read(self, starts: Mapping[Place, int]) -> AsyncIterator[tuple[Place, list[Kept]]]:
        for place in starts:
            yield place, []

    async def bounds(self, places: Iterable[Place]) -> dict[Place, tuple[int, int]]:
        return {place: (self.first, self.end) if place == SOURCE else (0, 0) for place in places}


class Store:
    """A database that holds checkpoints, and the archive from `first` to before `end`."""

    def __init__(self, first: int, end: int) -> None:
        self.first, self.end = first, end
        self.kept: list[tuple[Checkpoint, list[bytes]]] = []
        self.last_mark: Mark | None = None

    async def checkpoints(self, role: str, partition: int) -> list[Checkpoint]:
        return sorted((kept for kept, _ in self.kept), key=lambda kept: -kept.position)

    async def chunks(self, checkpoint: Checkpoint) -> list[bytes]:
        return next(chunks for kept, chunks in self.kept if kept == checkpoint)

    async def save(self, checkpoint: Checkpoint, chunks: list[bytes]) -> None:
        self.kept.append((checkpoint, chunks))

    async def mark(self, mark: Mark) -> None:
        self.last_mark = mark

    async def marked(self, role: str, partition: int) -> Mark | None:
        return self.last_mark

    async def forget(self, checkpoint: Checkpoint) -> None:
        raise AssertionError("nothing here is superfluous")

    async def archived(self, topic: Topic, partition: int, start: int) -> AsyncIterator[Kept]:
        if start >= self.first:
            for offset in range(start, self.end):
                yield opening(offset)

    async def take_checkpoint(self, position: int, first: int = 0, at: int = 0) -> None:
        """One of the machine that took the records from `first` on, at a time of the log."""
        held = Held(ROLE.new(0, SETTINGS), position, {}, 0, at=at)
        for offset in range(first, position):
            record = opening(offset)
            held.machine.apply(record.offset, record.at, record.value)
        await self.save(*checkpoints.take(ROLE, 0, held))


def worker(log: Log, store: Store, settings: Settings = SETTINGS) -> tuple[Partitions, Health]:
    health = Health()
    return Partitions(ROLE, settings, log, store, health), health


async def test_it_comes_back_from_its_checkpoint_and_says_how_far_it_has_come() -> None:
    store = Store(0, 7)
    await store.take_checkpoint(4)
    partitions, health = worker(Log(0, 9), store)
    assert await partitions.assign([0]) == {0: 7}
    assert not health.ready
    assert health.details == {
        "partitions": [0],
        "phase": "log",
        "replayed": 3,
        "records_behind": 2,
    }
    await partitions.process(0, [opening(7), opening(8)])
    assert health.ready
    assert health.details["phase"] == "ready"
    assert (health.details["replayed"], health.details["records_behind"]) == (5, 0)


async def test_from_scratch_it_takes_every_record_again_and_ends_in_the_same_state() -> None:
    store = Store(0, 7)
    await store.take_checkpoint(4)
    usual, _ = worker(Log(0, 7), store)
    scratch, health = worker(Log(3, 7), store, FROM_SCRATCH)
    assert await usual.assign([0]) == await scratch.assign([0]) == {0: 7}
    assert health.details["replayed"] == 7
    assert await usual.digests() == await scratch.digests()


async def test_from_scratch_it_takes_a_day_again_on_what_stood_before_it() -> None:
    hour = 3_600_000
    store = Store(2, 9)  # the first records are too old for the archive
    for position, at in ((2, 30 * hour), (4, 31 * hour), (6, 54 * hour), (8, 55 * hour)):
        await store.take_checkpoint(position, at=at)
    usual, _ = worker(Log(8, 9), store)
    scratch, health = worker(Log(8, 9), store, FROM_SCRATCH)
    assert await usual.assign([0]) == await scratch.assign([0]) == {0: 9}
    assert health.details["replayed"] == 5  # from offset 4, taken 24 hours before the newest
    assert await usual.digests() == await scratch.digests()


async def test_from_scratch_it_refuses_to_begin_in_the_middle() -> None:
    partitions, _ = worker(Log(3, 9), Store(3, 7), FROM_SCRATCH)
    with pytest.raises(PositionError, match="start from a newer checkpoint"):
        await partitions.assign([0])


async def test_from_scratch_a_recovered_venue_begins_with_what_was_recovered() -> None:
    first = Epoch(1).first
    store = Store(first, first + 5)
    recovered = Held(ROLE.new(0, SETTINGS), first, {}, 0)
    await store.save(*checkpoints.take(ROLE, 0, recovered))
    await store.take_checkpoint(first + 2, first)
    partitions, health = worker(Log(first, first + 5), store, FROM_SCRATCH)
    assert await partitions.assign([0]) == {0: first + 5}
    assert health.details["replayed"] == 5


@pytest.mark.parametrize(
    "torn",
    [
        lambda chunks: chunks[:-1],
        lambda chunks: chunks[1:],
        lambda chunks: [chunks[0][:-1], *chunks[1:]],
        lambda chunks: [bytes([chunks[0][0] ^ 1]) + chunks[0][1:], *chunks[1:]],
    ],
    ids=["end lost", "beginning lost", "cut", "flipped"],
)
async def test_a_torn_checkpoint_is_passed_over(
    torn: Callable[[list[bytes]], list[bytes]],
) -> None:
    store = Store(0, 7)
    await store.take_checkpoint(2)
    await store.take_checkpoint(4)
    newest, chunks = store.kept[1]
    store.kept[1] = (newest, torn(chunks))
    partitions, health = worker(Log(0, 7), store)
    assert await partitions.assign([0]) == {0: 7}
    assert health.details["replayed"] == 5


async def test_a_checkpoint_that_another_version_made_is_passed_over() -> None:
    """Whole, but of a form that this version stumbles over."""
    store = Store(0, 7)
    await store.take_checkpoint(2)
    await store.take_checkpoint(4)
    (newest, chunks), head = store.kept[1], store.kept[1][1][0]
    rows = [("account-9", "BTC", 1, 0)]
    stumbling = checkpoints.sealed([head, msgspec.msgpack.encode(("purses", rows))])
    assert len(stumbling) == len(chunks)
    store.kept[1] = (newest, stumbling)
    partitions, health = worker(Log(0, 7), store)
    assert await partitions.assign([0]) == {0: 7}
    assert health.details["replayed"] == 5


async def test_it_refuses_a_log_that_ends_before_its_state() -> None:
    partitions, _ = worker(Log(0, 0), Store(0, 7))
    with pytest.raises(PositionError, match="velocity recover"):
        await partitions.assign([0])


async def appended_on_return(mark: Mark | None) -> int:
    """How much is published by a worker that comes back from position 2, with seven records
    archived and nothing on its output topics.
    """
    log, store = Log(0, 7), Store(0, 7)
    await store.take_checkpoint(2)
    store.last_mark = mark
    partitions, _ = worker(log, store)
    await partitions.assign([0])
    assert partitions.held[0].machine.digest() == await digest_at(7)
    return log.appended


async def digest_at(position: int) -> str:
    store = Store(0, position)
    partitions, _ = worker(Log(0, position), store)
    await partitions.assign([0])
    return partitions.held[0].machine.digest()


async def test_what_a_mark_says_is_published_is_made_again_and_not_said() -> None:
    each = await appended_on_return(None) / 5
    assert each >= 1
    assert await appended_on_return(Mark("ledger", 0, 6, [])) == each
    assert await appended_on_return(Mark("ledger", 0, 1, [])) == 5 * each  # older than the state


async def test_a_mark_is_not_believed_where_the_log_has_lost_what_it_tells_of() -> None:
    gone = Mark("ledger", 0, 6, [("updates", 0, 12)])
    assert await appended_on_return(gone) == await appended_on_return(None)


async def test_it_marks_up_to_where_it_has_published() -> None:
    store = Store(0, 0)
    partitions, _ = worker(Log(0, 0), store)
    await partitions.assign([0])
    await partitions.process(0, [opening(0), opening(1)])
    await partitions.close()
    assert store.last_mark is not None
    assert store.last_mark.position == 2
    ends = {(topic, target): end for topic, target, end in store.last_mark.outputs}
    assert ends["updates", 0] > 0
