"""What a service's process is told."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr

from infra.launch import environment
from infra.services import BY_NAME, SERVICES
from infra.settings import Settings


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Settings:
    monkeypatch.setenv("VELOCITY_ADMIN_KEY", "in the environment")
    changes = {"home": tmp_path, "kafka": "k:1", "cql": "c:2"}
    hidden = {"admin_key": SecretStr("secret"), "secret_keys": SecretStr("secrets")}
    return Settings().model_copy(update=changes | hidden)


def _as_read_by(name: str, told: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    for variable, value in environment(BY_NAME[name], told, 4321).items():
        monkeypatch.setenv(variable, value)
    return Settings()


def test_a_service_reads_back_the_settings_and_its_port(
    told: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert _as_read_by("api", told, monkeypatch) == told.model_copy(update={"api_port": 4321})


@pytest.mark.parametrize("name", sorted(set(BY_NAME) - {"api"}))
def test_only_the_api_is_told_secrets(name: str, told: Settings) -> None:
    variables = environment(BY_NAME[name], told, 4321)
    assert not {"VELOCITY_ADMIN_KEY", "VELOCITY_SECRET_KEYS"} & variables.keys()


def test_services_start_in_the_order_in_which_orders_flow() -> None:
    names = [service.name for service in SERVICES]
    assert names == ["ledger", "matching", "market-data", "projections", "ws", "api"]
