"""Finding a running installation from its home."""

from __future__ import annotations

import base64
import os
import stat
from pathlib import Path

import psutil
import pytest
from pydantic import SecretStr

from infra import installation
from infra.installation import NotRunningError
from infra.local import Addresses
from infra.processes import Process, Records
from infra.settings import Settings

RECORDED = Addresses("127.0.0.1:1", "127.0.0.1:2")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    empty = dict.fromkeys(("kafka", "cql", "admin_key", "secret_keys"))
    return Settings().model_copy(update={"home": tmp_path, **empty})


def _this_process(address: str) -> Process:
    return Process(os.getpid(), psutil.Process().create_time(), address)


def test_recorded_addresses_complete_the_settings(settings: Settings) -> None:
    installation.record_addresses(settings.home, RECORDED)
    found = installation.find(settings).settings
    assert (found.kafka, found.cql) == (RECORDED.kafka, RECORDED.cql)


def test_addresses_in_the_settings_win(settings: Settings) -> None:
    installation.record_addresses(settings.home, RECORDED)
    told = settings.model_copy(update={"kafka": "10.0.0.1:9092"})
    found = installation.find(told).settings
    assert (found.kafka, found.cql) == ("10.0.0.1:9092", RECORDED.cql)


def test_services_that_run_are_found_where_they_listen(settings: Settings) -> None:
    records = Records(settings.home)
    records.save("api", _this_process("http://127.0.0.1:8080"))
    records.save("ws", _this_process("ws://127.0.0.1:8081"))
    records.save("kafka", _this_process("127.0.0.1:9092"))
    found = installation.find(settings)
    assert (found.api_url, found.ws_url) == ("http://127.0.0.1:8080", "ws://127.0.0.1:8081")
    assert set(found.urls) == {"api", "ws"}


def test_an_empty_home_says_how_to_start(settings: Settings) -> None:
    with pytest.raises(NotRunningError, match="velocity up"):
        _ = installation.find(settings).api_url


@pytest.mark.parametrize("name", ["admin_key", "secret_keys"])
def test_a_secret_is_made_once_and_only_its_owner_reads_it(name: str, settings: Settings) -> None:
    make = getattr(installation, name)
    secret = make(settings)
    assert make(settings) == secret
    assert getattr(installation.find(settings).settings, name) == secret
    assert stat.S_IMODE((settings.home / name).stat().st_mode) == 0o600


def test_what_seals_secrets_is_a_key_of_32_bytes(settings: Settings) -> None:
    assert len(base64.b64decode(installation.secret_keys(settings).get_secret_value())) == 32


def test_an_admin_key_in_the_settings_is_not_written_down(settings: Settings) -> None:
    told = settings.model_copy(update={"admin_key": SecretStr("chosen")})
    assert installation.admin_key(told).get_secret_value() == "chosen"
    assert not (settings.home / "admin_key").exists()
