"""When a checkpoint is due, and which of those kept may go."""

from __future__ import annotations

from itertools import pairwise

import pytest

from infra.settings import Settings
from streams.messages.epoch import OFFSETS_PER_EPOCH
from streams.runtime.checkpoints import HOUR_MS, KEPT_NEWEST, WINDOW_MS, Held, anchors, superfluous
from streams.runtime.ledger_worker import ROLE
from streams.runtime.ports import Checkpoint
from streams.topics import ORDERS, UPDATES

SETTINGS = Settings(
    account_partitions=1, market_partitions=1, checkpoint_records=100, checkpoint_outputs=1_000
)


@pytest.mark.parametrize(
    ("records", "outputs", "chunks", "due"),
    [
        (99, 999, 1, False),
        (100, 0, 1, True),  # many records
        (1, 1_000, 1, True),  # one record of many commands
        (0, 1_000, 1, False),  # nothing new
        (50, 1_999, 4, False),  # a state of four chunks: every 2,000 outputs
        (50, 2_000, 4, True),
    ],
)
def test_it_is_due_after_so_much_work_and_later_for_a_large_state(
    records: int, outputs: int, chunks: int, due: bool
) -> None:
    held = Held(ROLE.new(0, SETTINGS), 500 + records, {}, 500, chunks=chunks)
    held.last_outputs = {(UPDATES, 0): 7}
    held.outputs = {(UPDATES, 0): 7 + outputs, (ORDERS, 0): 0}
    assert held.is_due(SETTINGS) is due


def test_none_is_due_while_the_machine_catches_up() -> None:
    held = Held(ROLE.new(0, SETTINGS), 700, {}, 0, end=701)
    assert not held.is_due(SETTINGS)


def kept_after(days: int, every_ms: int, first: int = 1) -> list[Checkpoint]:
    """What is left of checkpoints taken at this pace, as a worker leaves them; newest first."""
    kept: list[Checkpoint] = []
    for number in range(days * 24 * HOUR_MS // every_ms):
        kept.insert(0, Checkpoint("ledger", 0, first + number, number * every_ms, "", 0, []))
        for each in superfluous(kept):
            kept.remove(each)
    return kept


def test_of_many_the_newest_stay_and_one_for_each_hour_of_two_days() -> None:
    kept = kept_after(days=4, every_ms=HOUR_MS // 60)
    newest = [each.at for each in kept[:KEPT_NEWEST]]
    assert newest == [4 * 24 * HOUR_MS - minute * HOUR_MS // 60 for minute in (1, 2, 3)]
    assert 48 <= len(kept) <= 48 + KEPT_NEWEST + 2
    assert max(a.at - b.at for a, b in pairwise(kept)) <= HOUR_MS


def test_one_always_stands_before_the_window_that_from_scratch_replays() -> None:
    for every_ms in (HOUR_MS // 60, HOUR_MS, 30 * HOUR_MS):
        kept = kept_after(days=4, every_ms=every_ms)
        assert anchors(kept)[0].at <= kept[0].at - WINDOW_MS


def test_what_an_epoch_began_with_stays_as_long_as_it_may_anchor() -> None:
    kept = kept_after(days=1, every_ms=HOUR_MS // 60, first=OFFSETS_PER_EPOCH)
    assert anchors(kept)[-1].position == OFFSETS_PER_EPOCH
