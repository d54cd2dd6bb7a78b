"""A state is written out as it was at one moment, while its machine goes on."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from infra.settings import Settings
from streams.messages import FRAME_VERSION, AccountId, Frame, OpenAccount, Sequence, encode_frame
from streams.runtime import photograph
from streams.runtime.ledger_worker import ROLE
from streams.runtime.photograph import NotDeveloped, by_fork

SETTINGS = Settings(account_partitions=1, market_partitions=1)
FRAME = encode_frame(Frame(FRAME_VERSION, "", Sequence(0), [OpenAccount(AccountId("alice"))]))


async def test_it_is_the_state_of_its_moment_whatever_comes_after() -> None:
    machine = ROLE.new(0, SETTINGS)
    before = list(machine.snapshot())
    developing = by_fork(machine)
    machine.apply(0, 1, FRAME)
    assert await developing == before
    assert await by_fork(machine) == list(machine.snapshot()) != before


class Odd:
    """A machine whose state is large, or can't be written out."""

    def __init__(self, chunks: list[bytes], error: Exception | None = None) -> None:
        self._chunks = chunks
        self._error = error

    def snapshot(self) -> Iterator[bytes]:
        yield from self._chunks
        if self._error is not None:
            raise self._error
        os.fstat(2)  # the child still has what every process has


async def test_a_state_larger_than_a_pipe_holds_comes_whole_and_in_its_chunks() -> None:
    chunks = [bytes([number]) * 300_000 for number in range(20)] + [b""]
    assert await by_fork(Odd(chunks)) == chunks  # type: ignore[arg-type]


async def test_what_kept_it_from_being_written_out_is_told() -> None:
    with pytest.raises(NotDeveloped, match="KeyError: 'gone'"):
        await by_fork(Odd([b"chunk"], KeyError("gone")))  # type: ignore[arg-type]


class Endless:
    def snapshot(self) -> Iterator[bytes]:
        yield b"begun"
        while True:
            os.sched_yield()


async def test_a_child_that_does_not_end_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    children: list[int] = []
    fork = os.fork

    def noted() -> int:
        children.append(fork())
        return children[-1]

    monkeypatch.setattr(os, "fork", noted)
    monkeypatch.setattr(photograph, "LIMIT_S", 0.2)
    with pytest.raises(NotDeveloped, match="not written out after"):
        await by_fork(Endless())  # type: ignore[arg-type]
    with pytest.raises(ProcessLookupError):
        os.kill(children[0], 0)  # nothing is left of it
