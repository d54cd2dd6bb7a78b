"""Finding a port that nobody listens on."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from infra import ports
from infra.ports import HOST, NoFreePortError, free_port, host_and_port, is_free, is_open


@pytest.fixture
def taken() -> Iterator[int]:
    """A port on which somebody listens."""
    with socket.create_server((HOST, 0)) as server:
        yield server.getsockname()[1]


def test_a_port_in_use_is_open_and_not_free(taken: int) -> None:
    assert is_open(taken)
    assert not is_free(taken)


def test_the_first_free_of_the_preferred_ports_is_taken(taken: int) -> None:
    free = free_port()
    assert free_port(taken, free) == free


def test_another_is_found_where_the_preferred_one_is_taken(taken: int) -> None:
    assert free_port(taken) in ports.FALLBACK


def test_zero_means_no_preference() -> None:
    assert free_port(0) in ports.FALLBACK


def test_it_says_when_there_is_none(taken: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "FALLBACK", [taken] * ports.ATTEMPTS)
    with pytest.raises(NoFreePortError):
        free_port(taken)


def test_an_address_is_split_at_its_last_colon() -> None:
    assert host_and_port("127.0.0.1:9092") == ("127.0.0.1", 9092)
    with pytest.raises(ValueError, match="invalid literal"):
        host_and_port("localhost")
