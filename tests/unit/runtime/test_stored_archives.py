"""Yesterday's archive with today's code: the same outputs under the same names, the same state.

The archives were kept by `tests/simulation/keep.py` when the messages in them were current.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from infra.settings import Settings
from streams.runtime import ledger_worker, matching_worker
from streams.runtime.checkpoints import unsealed
from streams.runtime.ports import Kept
from streams.runtime.role import Role
from tests.simulation.keep import StoredArchive, StoredOutput, StoredPartition, read, stored
from tests.simulation.reference import Replay, go_on

ARCHIVES = sorted((Path(__file__).parents[2] / "golden" / "archives").glob("*.json.gz"))
ROLES = {role.name: role for role in (ledger_worker.ROLE, matching_worker.ROLE)}


@pytest.fixture(scope="module", params=ARCHIVES, ids=lambda path: path.name.partition(".")[0])
def archive(request: pytest.FixtureRequest) -> StoredArchive:
    return read(request.param)


def test_an_archive_replays_from_its_first_record(archive: StoredArchive) -> None:
    for kept in archive.partitions:
        found = empty(archive, kept)
        take(found, kept.records)
        assert_said(found, kept.outputs)
        assert found.machine.digest() == kept.digest


def test_an_archive_replays_from_a_checkpoint_of_its_time(archive: StoredArchive) -> None:
    for kept in archive.partitions:
        found = empty(archive, kept)
        found.machine.restore(unsealed(kept.chunks))
        assert found.machine.digest() == kept.middle_digest
        take(found, kept.records[kept.middle :])
        assert_said(found, kept.outputs[kept.outputs_before_middle :])
        assert found.machine.digest() == kept.digest


def empty(archive: StoredArchive, kept: StoredPartition) -> Replay:
    role: Role = ROLES[kept.role]
    settings = Settings(
        venue="stored",
        account_partitions=archive.account_partitions,
        market_partitions=archive.market_partitions,
    )
    return Replay(role.new(kept.partition, settings))


def take(found: Replay, records: list[tuple[int, int, bytes]]) -> None:
    go_on(found, [Kept(offset, at, b"", value, []) for offset, at, value in records])


def assert_said(found: Replay, then: list[StoredOutput]) -> None:
    now = [stored(output) for output in found.outputs]
    assert [name(output) for output in now] == [name(output) for output in then]
    for output, earlier in zip(now, then, strict=True):
        assert still_says(output.message, earlier.message), (output, earlier)


def name(output: StoredOutput) -> tuple[str, int, str, str, int]:
    return output.topic, output.partition, output.key, output.source, output.seq


def still_says(now: Any, then: Any) -> bool:
    """Whether all that was said is said, unchanged; fields may have been added, at the end."""
    match then:
        case dict():
            return all(key in now and still_says(now[key], then[key]) for key in then)
        case list():
            return list(now[: len(then)]) == then
        case _:
            return bool(now == then)
