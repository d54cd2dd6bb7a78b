"""Commands go in in the order they came, together where the log is slow, and are never doubled."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiokafka import TopicPartition

from api.accounts import sender as sending
from api.accounts.sender import LogBeganAnew, Placed, Sender
from api.errors import ApiError
from infra.kafka.appender import Appender
from infra.kafka.produce import Ack
from infra.settings import Settings
from streams.messages import (
    FRAME_COMMANDS_MAX,
    AccountCommand,
    AccountId,
    OpenAccount,
    account_frames,
    request_id,
)
from streams.messages.epoch import OFFSETS_PER_EPOCH, Epoch
from streams.topics import COMMANDS


def ack(offset: int) -> Ack:
    return Ack(TopicPartition("commands", 0), 0, offset, 1_000)


class Log(Appender):
    """A log that acknowledges when the test says so."""

    def __init__(self) -> None:
        self.frames: list[list[str]] = []
        self.acknowledgements: list[asyncio.Future[Ack]] = []

    async def send(
        self, topic: str, value: bytes, *, key: bytes, partition: int
    ) -> asyncio.Future[Ack]:
        frame = account_frames.decode(value)
        self.frames.append([command.account for command in frame.commands])
        future: asyncio.Future[Ack] = asyncio.get_running_loop().create_future()
        self.acknowledgements.append(future)
        return future

    def acknowledge(self, number: int) -> None:
        self.acknowledgements[number].set_result(ack(100 + number))


async def first_epoch() -> Epoch:
    return Epoch()


async def third_epoch() -> Epoch:
    return Epoch(2)


class Clock:
    def __init__(self, now_us: int) -> None:
        self.now_us = now_us

    def __call__(self) -> int:
        return self.now_us * 1000


@asynccontextmanager
async def running(
    log: Log,
    epoch: Callable[[], Awaitable[Epoch]] = first_epoch,
    clock: Callable[[], int] = time.time_ns,
) -> AsyncIterator[Sender[AccountCommand]]:
    sender: Sender[AccountCommand] = Sender(log, Settings(venue="test"), COMMANDS, epoch, clock)
    task = asyncio.create_task(sender.run())
    try:
        yield sender
    finally:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


def send(sender: Sender[AccountCommand], name: str) -> asyncio.Task[Placed]:
    return asyncio.create_task(sender.send(OpenAccount(AccountId(name)), name, 0))


def send_all(sender: Sender[AccountCommand], names: str) -> asyncio.Task[list[Placed]]:
    commands = [OpenAccount(AccountId(name)) for name in names]
    return asyncio.create_task(sender.send_all(commands, names, 0))


async def turns() -> None:
    """Let everything run that can."""
    for _ in range(10):
        await asyncio.sleep(0)


async def test_at_rest_a_command_goes_alone_and_learns_its_name() -> None:
    log = Log()
    async with running(log) as sender:
        sent = send(sender, "a")
        await turns()
        assert log.frames == [["a"]]
        assert not sent.done()
        log.acknowledge(0)
        placed = await sent
        assert (placed.offset, placed.index, placed.at) == (100, 0, 1_000)
        assert placed.request == request_id(0, 100, 0)


async def test_names_go_on_where_an_earlier_epoch_of_the_log_ended() -> None:
    log = Log()
    async with running(log, third_epoch) as sender:
        sent = send(sender, "a")
        await turns()
        log.acknowledge(0)
        placed = await sent
        assert placed.offset == 2 * OFFSETS_PER_EPOCH + 100
        assert placed.request == request_id(0, placed.offset, 0) > request_id(0, 2**34, 255)


async def test_what_comes_while_a_frame_is_under_way_makes_the_next_one_in_order() -> None:
    log = Log()
    async with running(log) as sender:
        first = send(sender, "a")
        await turns()
        rest = [send(sender, name) for name in "bcd"]
        await turns()
        assert log.frames == [["a"]]
        log.acknowledge(0)
        await turns()
        assert log.frames == [["a"], ["b", "c", "d"]]
        log.acknowledge(1)
        assert [(await sent).index for sent in rest] == [0, 1, 2]
        assert (await first).offset == 100


async def test_a_frame_holds_so_many_commands() -> None:
    log = Log()
    async with running(log) as sender:
        sent = [send(sender, "a") for _ in range(FRAME_COMMANDS_MAX + 2)]
        await turns()
        log.acknowledge(0)
        await turns()
        log.acknowledge(1)
        await asyncio.gather(*sent)
        assert [len(frame) for frame in log.frames] == [FRAME_COMMANDS_MAX, 2]


async def test_a_full_queue_says_so_and_takes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "PENDING_MAX", 1)
    log = Log()
    async with running(log) as sender:
        under_way = send(sender, "a")
        await turns()
        waiting = send(sender, "b")
        await turns()
        with pytest.raises(ApiError) as full:
            await send(sender, "c")
        assert (full.value.code, full.value.status) == (-1008, 503)
        log.acknowledge(0)
        await turns()
        log.acknowledge(1)
        await asyncio.gather(under_way, waiting)
        assert log.frames == [["a"], ["b"]]


async def test_no_acknowledgement_in_time_means_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "ACK_LIMIT_S", 0.01)
    async with running(Log()) as sender:
        with pytest.raises(ApiError) as unknown:
            await send(sender, "a")
        assert (unknown.value.code, unknown.value.status) == (-1007, 503)


async def test_a_command_given_up_before_it_was_sent_is_never_sent() -> None:
    log = Log()
    async with running(log) as sender:
        first = send(sender, "a")
        await turns()
        given_up = send(sender, "b")
        await turns()
        given_up.cancel()
        kept = send(sender, "c")
        await turns()
        log.acknowledge(0)
        await turns()
        log.acknowledge(1)
        await asyncio.gather(first, kept)
        assert log.frames == [["a"], ["c"]]


async def test_a_log_that_fails_ends_the_service_rather_than_guessing() -> None:
    log = Log()
    sender: Sender[AccountCommand] = Sender(log, Settings(venue="test"), COMMANDS, first_epoch)
    running_sender = asyncio.create_task(sender.run())
    sent = send(sender, "a")
    await turns()
    log.acknowledgements[0].set_exception(RuntimeError("fenced"))
    with pytest.raises(ExceptionGroup):
        await running_sender
    sent.cancel()


async def test_commands_sent_together_are_in_one_frame_and_named_in_order() -> None:
    log = Log()
    async with running(log) as sender:
        under_way = send(sender, "a")
        await turns()
        together = [send_all(sender, "b" * 200), send_all(sender, "c" * 100)]
        await turns()
        for number in range(3):
            log.acknowledge(number)
            await turns()
        assert [len(frame) for frame in log.frames] == [1, 200, 100]
        first, second = [await sent for sent in together]
        assert [placed.index for placed in first] == list(range(200))
        assert {placed.offset for placed in second} == {102}
        await under_way


async def test_of_commands_sent_together_all_or_none_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "PENDING_MAX", 3)
    async with running(Log()) as sender:
        under_way = send(sender, "a")
        await turns()
        waiting = send_all(sender, "bb")
        await turns()
        with pytest.raises(ApiError) as full:
            await send_all(sender, "cc")
        assert full.value.code == -1008
        under_way.cancel()
        waiting.cancel()


async def test_no_client_is_told_of_a_place_that_another_frame_had() -> None:
    """The broker lost its data: what names follow from begins anew."""
    log = Log()
    sender: Sender[AccountCommand] = Sender(log, Settings(venue="test"), COMMANDS, first_epoch)
    running = asyncio.create_task(sender.run())
    first = send(sender, "a")
    await turns()
    log.acknowledge(0)
    assert (await first).offset == 100
    second = send(sender, "b")
    await turns()
    log.acknowledgements[1].set_result(ack(0))
    with pytest.raises(ExceptionGroup) as raised:
        await running
    assert raised.group_contains(LogBeganAnew)
    assert not second.done()
    second.cancel()


async def test_what_expires_while_it_waits_is_not_sent_and_its_sender_is_told() -> None:
    """A frame on its way holds up the next: a client may want its order now or not at all."""
    log, clock = Log(), Clock(1_000)
    async with running(log, clock=clock) as sender:

        def send_by(name: str, expires_us: int) -> asyncio.Task[list[Placed]]:
            command = OpenAccount(AccountId(name))
            return asyncio.create_task(sender.send_all([command], name, 0, expires_us))

        first = send_by("a", 1_000)
        await turns()
        late, in_time, whenever = send_by("b", 2_000), send_by("c", 3_000), send_by("d", 0)
        await turns()
        clock.now_us = 2_001
        log.acknowledge(0)
        await turns()
        assert log.frames == [["a"], ["c", "d"]]
        with pytest.raises(ApiError) as refused:
            await late
        assert refused.value.code == -1021
        log.acknowledge(1)
        await asyncio.gather(first, in_time, whenever)
