"""A worker that was paused past its session may not write: its partitions may be another's."""

from __future__ import annotations

import time

import pytest

from streams.runtime.transport import Lease, LeaseLost


def test_a_lease_holds_while_the_broker_heard_of_us_within_the_session() -> None:
    lease = Lease(session_s=10)
    lease.renew(time.monotonic() - 9)
    lease.check()


def test_a_lease_is_lost_once_the_session_has_passed() -> None:
    lease = Lease(session_s=10)
    lease.renew(time.monotonic() - 10)
    with pytest.raises(LeaseLost):
        lease.check()


def test_a_worker_that_never_joined_has_no_lease() -> None:
    with pytest.raises(LeaseLost):
        Lease(session_s=10).check()


def test_a_late_answer_to_an_early_heartbeat_takes_nothing_back() -> None:
    lease = Lease(session_s=10)
    lease.renew(time.monotonic())
    lease.renew(time.monotonic() - 60)
    lease.check()
