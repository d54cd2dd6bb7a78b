"""Where a key may be used from, and whom a failure counts against."""

from __future__ import annotations

import pytest

from api.identity.networks import is_within, networks, place

ALLOWED = networks(["192.0.2.1", "198.51.100.0/24", "2001:db8::/32"])


@pytest.mark.parametrize(
    "address", ["192.0.2.1", "198.51.100.77", "2001:db8::1", "::ffff:192.0.2.1"]
)
def test_what_lies_within_a_network_is_let_in(address: str) -> None:
    assert is_within(address, ALLOWED)


@pytest.mark.parametrize(
    "address", ["192.0.2.2", "198.51.101.1", "2001:db9::1", "::ffff:192.0.2.2", "", "localhost"]
)
def test_anything_else_is_not(address: str) -> None:
    assert not is_within(address, ALLOWED)


@pytest.mark.parametrize("text", ["", "everywhere", "192.0.2.1/24", "300.1.1.1"])
def test_what_is_no_network_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"network|host bits"):
        networks([text])


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("2001:db8::1", "2001:db8::ffff:1"),
        ("192.0.2.1", "::ffff:192.0.2.1"),
    ],
)
def test_addresses_that_one_subscriber_has_count_together(one: str, other: str) -> None:
    assert place(one) == place(other)


def test_neighbours_are_told_apart() -> None:
    assert (
        len({place(a) for a in ("192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8:0:1::1")}) == 4
    )
