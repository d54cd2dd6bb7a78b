"""The local stack for real: what a person without Docker rests on."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from infra.local import LocalStack, cassandra, kafka
from infra.ports import host_and_port
from infra.processes import Records, StartError
from infra.settings import Settings

pytestmark = pytest.mark.servers


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("stack")


@pytest.fixture(scope="module")
def stack(home: Path) -> Iterator[LocalStack]:
    stack = LocalStack(home, Settings().cache, quick=True)
    try:
        stack.start()
        yield stack
    finally:
        stack.stop()


def _pid(home: Path, node: str) -> int:
    process = Records(home).running(node)
    assert process is not None
    return process.pid


def test_both_nodes_answer_their_protocols(stack: LocalStack) -> None:
    addresses = stack.start()
    assert kafka.answers(addresses.kafka)
    assert cassandra.answers(addresses.cql)


def test_nodes_listen_on_this_machine_only(stack: LocalStack, home: Path) -> None:
    for node in ("kafka", "cassandra"):
        listening = [
            connection.laddr.ip.removeprefix("::ffff:")
            for connection in psutil.Process(_pid(home, node)).net_connections("inet")
            if connection.status == psutil.CONN_LISTEN
        ]
        assert listening
        assert set(listening) == {"127.0.0.1"}


def test_a_second_start_finds_the_nodes_that_run(stack: LocalStack, home: Path) -> None:
    before = stack.start(), _pid(home, "kafka"), _pid(home, "cassandra")
    after = (
        LocalStack(home, Settings().cache, quick=True).start(),
        _pid(home, "kafka"),
        _pid(home, "cassandra"),
    )
    assert after == before


def test_a_killed_node_comes_back_where_it_was(stack: LocalStack, home: Path) -> None:
    before = stack.start()
    os.kill(_pid(home, "kafka"), signal.SIGKILL)
    assert stack.start() == before
    assert kafka.answers(before.kafka)


def test_a_second_home_finds_ports_of_its_own(stack: LocalStack, tmp_path: Path) -> None:
    taken = stack.start()
    other = LocalStack(tmp_path, Settings().cache, quick=True)
    try:
        address = other.kafka.start()
        assert host_and_port(address)[1] != host_and_port(taken.kafka)[1]
        assert kafka.answers(address)
    finally:
        other.stop()


def test_a_node_that_fails_to_start_says_why(tmp_path: Path) -> None:
    stack = LocalStack(tmp_path, Settings().cache, quick=True)
    data = tmp_path / "kafka" / "data"
    data.mkdir(parents=True)
    (data / "meta.properties").write_text("version=1\nnode.id=99\ncluster.id=somebody-else\n")
    with pytest.raises(StartError, match="99"):
        stack.kafka.start()
    assert not stack.kafka.stop()
