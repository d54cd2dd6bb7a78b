"""The lock of the jars."""

from __future__ import annotations

import pytest

from infra.local import lockfile
from infra.local.jars import NODES
from infra.local.lockfile import Jar, LockError

SHA256 = "ab" * 32


def test_a_jar_knows_its_place_in_a_repository() -> None:
    jar = Jar("io.netty:netty-all:4.1.119.Final", SHA256, 1)
    assert jar.path == "io/netty/netty-all/4.1.119.Final/netty-all-4.1.119.Final.jar"


def test_a_classifier_comes_last_in_the_name() -> None:
    jar = Jar("com.github.jnr:jffi:1.3.11:native", SHA256, 1)
    assert jar.path == "com/github/jnr/jffi/1.3.11/jffi-1.3.11-native.jar"


def test_what_is_written_is_read_back() -> None:
    nodes = {"kafka": [Jar("a:b:1", SHA256, 7)], "cassandra": [Jar("a:b:2:native", SHA256, 8)]}
    assert lockfile.parse(lockfile.render(nodes)) == nodes


@pytest.mark.parametrize(
    "line",
    [
        "a:b:1 abc 7",
        f"a:b {SHA256} 7",
        f"a:b:1 {SHA256}",
        f"../a:b:1/../.. {SHA256} 7",
        "[Kafka",
    ],
)
def test_a_line_that_is_no_jar_is_refused_with_its_number(line: str) -> None:
    with pytest.raises(LockError, match="line 2 "):
        lockfile.parse(f"[kafka]\n{line}\n")


def test_a_jar_before_any_node_is_refused() -> None:
    with pytest.raises(LockError, match="line 1 "):
        lockfile.parse(f"a:b:1 {SHA256} 7\n")


def test_the_lock_has_every_node_in_its_declared_version() -> None:
    locked = lockfile.read()
    for node, coordinates in NODES.items():
        assert set(coordinates) <= {jar.coordinate for jar in locked[node]}


def test_the_lock_names_no_host() -> None:
    assert "://" not in lockfile.LOCK.read_text()
