"""docker-compose.yml starts what the table of services names. No engine is needed to see that."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from infra.cli import app
from infra.services import SERVICES
from infra.settings import KAFKA_MECHANISM
from tests import servers

BOOTSTRAP = re.compile(r"(?P<user>\w+):(?P<password>\$\{.*\}):(?P<mechanism>[A-Z0-9-]+)")

ONCE = {"init", "certificates"}
"""What does its work and ends."""

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    return found


@pytest.fixture(scope="module")
def services(compose: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = compose["services"]
    return found


def test_it_has_every_service_and_their_ground(services: dict[str, Any]) -> None:
    ours = {service.name for service in SERVICES}
    assert set(services) == ours | {"redpanda", "scylla", "init", "certificates"}


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
        assert name in ONCE or service["healthcheck"]["test"]
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


def test_the_broker_asks_who_its_clients_are_and_its_services_know(
    compose: dict[str, Any], services: dict[str, Any]
) -> None:
    begins = yaml.safe_load(compose["configs"]["bootstrap"]["content"])
    assert begins["enable_sasl"] is True
    redpanda = services["redpanda"]
    first = BOOTSTRAP.fullmatch(redpanda["environment"]["RP_BOOTSTRAP_USER"])
    assert first is not None
    assert begins["superusers"] == [first["user"]]
    assert first["mechanism"] == KAFKA_MECHANISM
    for service in [*(each.name for each in SERVICES), "init"]:
        told = services[service]["environment"]
        assert told["VELOCITY_KAFKA_USER"] == first["user"]
        assert told["VELOCITY_KAFKA_PASSWORD"] == first["password"]


def test_who_comes_from_outside_comes_encrypted(services: dict[str, Any]) -> None:
    redpanda = services["redpanda"]
    command = " ".join(redpanda["command"])
    (told,) = re.findall(r"redpanda\.kafka_api_tls=(\[.*?\])", command)
    (listener,) = json.loads(told)
    assert (listener["name"], listener["enabled"]) == ("external", True)
    assert "external://0.0.0.0:19092" in command
    assert redpanda["ports"] == ["127.0.0.1:19092:19092"]
    assert services["certificates"]["volumes"] == ["certificates:/certificates"]
    assert "certificates:/certificates:ro" in redpanda["volumes"]
    for name in ("cert_file", "key_file"):
        assert listener[name].startswith("/certificates/broker.")
