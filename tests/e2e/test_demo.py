"""What `make demo SECONDS=…` promises: the three doors agree, and money is conserved."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.local import Addresses

DEMO_LIMIT_S = 170
SECONDS = 10


@pytest.fixture(scope="module")
def environment(
    servers: Addresses, venue: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, str]]:
    """An installation's environment, taken down at the end."""
    home = tmp_path_factory.mktemp("demo")
    environment = os.environ | {
        "VELOCITY_HOME": str(home),
        "VELOCITY_VENUE": venue,
        "KAFKA": servers.kafka,
        "CQL": servers.cql,
    }
    yield environment
    velocity(environment, "down")


def velocity(
    environment: dict[str, str], *arguments: str, limit_s: float = 60
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "infra.cli", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=limit_s,
        check=False,
        cwd=Path(__file__).parents[2],
    )


@pytest.mark.timeout(DEMO_LIMIT_S + 60)
def test_the_three_doors_agree_and_money_is_conserved(environment: dict[str, str]) -> None:
    demo = velocity(environment, "demo", "--seconds", str(SECONDS), limit_s=DEMO_LIMIT_S)

    assert demo.returncode == 0, demo.stdout + demo.stderr
    for check in (
        "every acknowledged order has an outcome",
        "the doors tell of the same trades",
        "no trade is told twice",
        "money is conserved",
    ):
        assert f"holds  {check}" in demo.stdout

    assert "stopped api, ws" in demo.stdout, "what a demo starts, it stops"


def test_scripts_open_accounts_and_create_markets(environment: dict[str, str]) -> None:
    up = velocity(environment, "up", limit_s=DEMO_LIMIT_S)
    assert up.returncode == 0, up.stdout + up.stderr

    status = velocity(environment, "status", "--json")
    assert status.returncode == 0, status.stdout
    assert all(service["ready"] for service in json.loads(status.stdout).values())

    opened = velocity(
        environment,
        "accounts",
        "create",
        "carol",
        "--fund",
        "USDT=100000",
        "--fund",
        "BTC=2",
        "--json",
    )
    assert opened.returncode == 0, opened.stderr
    assert json.loads(opened.stdout).keys() == {"account", "api_key", "api_secret"}

    terms = ("--base", "ADA", "--quote", "USDT", "--tick", "0.0001", "--lot", "0.1")
    created = velocity(
        environment, "markets", "create", "ADAUSDT", *terms, "--min-notional", "1", "--json"
    )
    assert created.returncode == 0, created.stderr
    assert json.loads(created.stdout)["symbol"] == "ADAUSDT"

    halt = ("--status", "HALT", "--reason", "not yet", "--max-price", "2")
    halted = velocity(environment, "markets", "change", "ADAUSDT", *halt, "--json")
    assert halted.returncode == 0, halted.stderr
    told = json.loads(halted.stdout)
    assert (told["status"], told["reason"], told["max_price"]) == ("HALT", "not yet", "2.00000000")

    tail = velocity(environment, "topics", "tail", "markets", "--last", "100", "--no-follow")
    shown = [json.loads(line) for line in tail.stdout.splitlines()]
    assert "ADAUSDT" in {record["key"] for record in shown}
