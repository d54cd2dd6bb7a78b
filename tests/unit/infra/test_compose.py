"""docker-compose.yml starts what the table of services names. No engine is needed to see that."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from infra.cli import app
from infra.services import SERVICES
from tests import servers

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    found: dict[str, Any] = compose["services"]
    return found


def test_it_has_every_service_and_their_ground(services: dict[str, Any]) -> None:
    ours = {service.name for service in SERVICES}
    assert set(services) == ours | {"redpanda", "scylla", "init"}


def test_every_command_exists(services: dict[str, Any]) -> None:
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    for name in {service.name for service in SERVICES} | {"init"}:
        assert services[name]["command"] == [name]
        assert name in commands


def test_every_service_waits_for_topics_and_tables(services: dict[str, Any]) -> None:
    for service in SERVICES:
        waits = services[service.name]["depends_on"]
        assert waits == {"init": {"condition": "service_completed_successfully"}}
    assert set(services["init"]["depends_on"]) == {"redpanda", "scylla"}


def test_every_part_is_watched_and_stopped_with_grace(services: dict[str, Any]) -> None:
    for name, service in services.items():
        assert name == "init" or service["healthcheck"]["test"]
        assert service["stop_grace_period"]
        assert service["restart"]


def test_ports_are_published_to_this_machine_only(services: dict[str, Any]) -> None:
    published = [port for service in services.values() for port in service.get("ports", [])]
    assert published
    assert all(port.startswith("127.0.0.1:") for port in published)


@pytest.mark.parametrize("secret", ["VELOCITY_ADMIN_KEY", "VELOCITY_SECRET_KEYS"])
def test_only_the_api_is_told_secrets(secret: str, services: dict[str, Any]) -> None:
    told = {name for name, service in services.items() if secret in service.get("environment", {})}
    assert told == {"api"}


def test_tests_run_on_the_same_images(services: dict[str, Any]) -> None:
    assert services["redpanda"]["image"] == servers.REDPANDA
    assert services["scylla"]["image"] == servers.SCYLLA
