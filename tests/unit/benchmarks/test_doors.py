"""What the order doors' benches conclude from what they saw."""

from __future__ import annotations

import pytest

from tests.benchmarks.lines import is_whole
from tests.benchmarks.open_loop import Took
from tests.benchmarks.throughput import Kept


@pytest.mark.parametrize(
    ("answer", "whole"),
    [
        (b"", False),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n", False),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{", False),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nx: y\r\n\r\n{}", True),
    ],
)
def test_an_answer_is_whole_when_it_has_all_of_its_length(answer: bytes, whole: bool) -> None:
    assert is_whole(answer) is whole


def took(**changes: object) -> Took:
    seen: dict[str, object] = {
        "sent": 100,
        "latencies_ms": [5.0] * 100,
        "refused": {},
        "unanswered": 0,
        "wall_s": 1.0,
        "cpu_s": 0.1,
    }
    return Took(**{**seen, **changes})  # type: ignore[arg-type]


def test_a_rate_is_kept_up_with_when_nothing_is_left_to_do() -> None:
    assert Kept(100, took(), outcome_s=0.1, drained_s=0.9).is_kept_up
    assert not Kept(100, took(), outcome_s=0.1, drained_s=1.1).is_kept_up
    assert not Kept(100, took(), outcome_s=1.1, drained_s=0.1).is_kept_up


@pytest.mark.parametrize(
    "seen",
    [
        {"refused": {"-1008": 1}},
        {"unanswered": 1},
        {"latencies_ms": [5.0] * 98 + [2_000.0] * 2},
        {"latencies_ms": [], "refused": {"-1008": 100}},
    ],
)
def test_nor_when_some_were_refused_or_came_late(seen: dict[str, object]) -> None:
    kept = Kept(100, took(**seen), outcome_s=0.1, drained_s=0.1)
    assert not kept.is_kept_up
    assert str(kept)
