"""Memory is flat where it can be: an open order takes no more than the aim, however it came."""

from __future__ import annotations

from tests.benchmarks.footprint import bytes_per_open_order, bytes_per_resting_order
from tests.benchmarks.scale import ORDER_BYTES_MAX


def test_an_order_takes_no_more_than_the_aim() -> None:
    assert bytes_per_resting_order(20_000) <= ORDER_BYTES_MAX
    assert bytes_per_open_order(20_000) <= ORDER_BYTES_MAX
