"""Where a replay begins, and what it says where it can't."""

from __future__ import annotations

import pytest

from infra.verify import kept
from infra.verify.checks import CannotVerify, Difference
from infra.verify.replay import History, Replay, Source
from streams.messages import Side
from streams.runtime import checkpoints
from streams.runtime.checkpoints import Held
from streams.runtime.matching_worker import ROLE as MATCHING
from tests.unit.verify.exchange import ALICE, BOB, SETTINGS, Exchange


@pytest.fixture
async def exchange() -> Exchange:
    """Twelve records of `orders`; a checkpoint after the fourth and one after the eighth."""
    exchange = Exchange()
    await exchange.open()
    await exchange.settle()
    await exchange.advance(MATCHING)
    while (position := exchange.books[0].position) < 12:
        if position in (4, 8):
            held = Held(exchange.books[0].machine, position, {}, 0)
            await exchange.store.save(*checkpoints.take(MATCHING, 0, held))
        account = (ALICE, BOB)[position % 2]
        await exchange.place(account, Side.SELL, price=100 + position, quantity=1)
        await exchange.settle()
    return exchange


async def replay(exchange: Exchange, source: Source, stop: int = 12) -> Replay:
    history = History(exchange.log, exchange.store, source)
    return await history.replay(MATCHING, 0, stop, SETTINGS)


@pytest.mark.parametrize(("source", "begins"), [(Source.CHECKPOINT, 8), (Source.START, 0)])
async def test_the_same_state_from_wherever(
    exchange: Exchange, source: Source, begins: int
) -> None:
    replayed = await replay(exchange, source)
    assert replayed.began == begins
    assert replayed.machine.digest() == exchange.books[0].machine.digest()


async def test_a_checkpoint_from_after_the_position_is_of_no_use(exchange: Exchange) -> None:
    assert (await replay(exchange, Source.CHECKPOINT, stop=7)).began == 4


async def test_a_checkpoint_that_was_changed_is_passed_over_and_reported(
    exchange: Exchange,
) -> None:
    newest, chunks = exchange.store.kept[MATCHING.name, 0][-1]
    chunks[0] = chunks[0][:-1] + b"\x07"
    assert (await replay(exchange, Source.CHECKPOINT)).began == 4
    check = await kept.tried(MATCHING, newest, exchange.store, SETTINGS)
    assert not check.holds
    assert check.name == "matching/0@8"


async def test_the_archive_is_read_first_where_it_is_asked_for(exchange: Exchange) -> None:
    exchange.store.archive = range(0, 10)
    replayed = await replay(exchange, Source.ARCHIVE)
    assert replayed.began == 0
    assert replayed.machine.digest() == exchange.books[0].machine.digest()


async def test_an_archive_whose_beginning_expired_goes_on_from_the_oldest_checkpoint(
    exchange: Exchange,
) -> None:
    exchange.store.archive = range(3, 10)
    exchange.log.firsts[MATCHING.source, 0] = 6
    assert (await replay(exchange, Source.ARCHIVE)).began == 4


async def test_where_retention_deleted_what_a_checkpoint_needs_the_archive_steps_in(
    exchange: Exchange,
) -> None:
    exchange.log.firsts[MATCHING.source, 0] = 10
    exchange.store.archive = range(8, 12)
    replayed = await replay(exchange, Source.CHECKPOINT)
    assert replayed.machine.digest() == exchange.books[0].machine.digest()


async def test_a_log_without_its_beginning_can_not_be_verified_from_there(
    exchange: Exchange,
) -> None:
    exchange.log.firsts[MATCHING.source, 0] = 6
    with pytest.raises(CannotVerify, match="orders/0: record 0 is needed, the log begins at 6"):
        await replay(exchange, Source.START)


async def test_a_record_that_is_missing_is_named(exchange: Exchange) -> None:
    records = exchange.log.records[MATCHING.source, 0]
    records[:] = records[:5] + records[6:]
    with pytest.raises(Difference, match="matching/0: record 6 where 5 is due"):
        await replay(exchange, Source.START)
