"""A time leads to the buckets that may hold what happened then, by halves."""

from __future__ import annotations

from bisect import bisect_left

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from projections.series import DISORDER_MS, last_begun
from tests.unit.projections.samples import T0

HOUR = 3_600_000
BEGINS = [(0, T0), (1, T0 + HOUR), (5, T0 + 2 * HOUR), (6, T0 + 3 * HOUR)]


class Listing:
    """The buckets of a series and when they begin, as the database has them."""

    def __init__(self, begins: list[tuple[int, int]]) -> None:
        self._begins = begins
        self.looks = 0

    async def first(self, low: int, high: int) -> tuple[int, int] | None:
        self.looks += 1
        at = bisect_left(self._begins, (low,))
        found = self._begins[at : at + 1]
        return found[0] if found and found[0][0] <= high else None


@pytest.mark.parametrize(
    ("at", "bucket"),
    [
        (T0 - 1, 0),
        (T0, 0),
        (T0 + HOUR - 1, 0),
        (T0 + HOUR, 1),
        (T0 + 2 * HOUR, 5),
        (T0 + 9 * HOUR, 6),
    ],
)
async def test_the_last_bucket_that_begins_by_a_time_is_found(at: int, bucket: int) -> None:
    assert await last_begun(Listing(BEGINS).first, at, 0, 6) == bucket


async def test_of_a_million_buckets_few_are_looked_at() -> None:
    listing = Listing([(3 * number, T0 + number) for number in range(1_000_000)])
    assert await last_begun(listing.first, T0 + 777_777, 0, 3_000_000) == 3 * 777_777
    assert listing.looks < 25


ENTRIES = st.lists(
    st.tuples(st.integers(0, 3), st.integers(0, DISORDER_MS), st.integers(0, DISORDER_MS)),
    min_size=1,
    max_size=12,
)


@settings(max_examples=1_000)
@given(ENTRIES, st.integers(0, 8 * DISORDER_MS), st.integers(0, 2 * DISORDER_MS))
async def test_no_entry_of_a_window_lies_in_a_bucket_left_out(
    steps: list[tuple[int, int, int]], start: int, length: int
) -> None:
    """Entries in the order of their numbers, whose times lag by as much as they may."""
    buckets: dict[int, list[int]] = {}
    bucket = now = 0
    for later_buckets, later, lag in steps:
        bucket, now = bucket + later_buckets, now + later
        buckets.setdefault(bucket, []).append(now - lag)
    listing = Listing([(number, times[0]) for number, times in buckets.items()])
    end = start + length
    low = await last_begun(listing.first, start - DISORDER_MS - 1, 0, bucket)
    high = await last_begun(listing.first, end + DISORDER_MS, low, bucket)
    for number, times in buckets.items():
        if not low <= number <= high:
            assert not any(start <= time <= end for time in times)
