"""Where things are: the settings, completed by what `velocity up` recorded in VELOCITY_HOME."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

import msgspec
from pydantic import SecretStr

from infra.local import Addresses
from infra.processes import Records
from infra.settings import Settings


class NotRunningError(Exception):
    """What is asked for needs a running installation, and there is none in this home."""


class Installation(msgspec.Struct, frozen=True):
    """A running installation as its clients see it.

    The settings have `kafka`, `cql` and `admin_key` filled in, and know the api and ws by `urls`.
    """

    settings: Settings
    urls: dict[str, str]

    @property
    def api_url(self) -> str:
        """Where REST is answered: `http://host:port`. Raises `NotRunningError`."""
        return self.url("api")

    @property
    def ws_url(self) -> str:
        """Where streams are served: `ws://host:port`. Raises `NotRunningError`."""
        return self.url("ws")

    def url(self, service: str) -> str:
        """Where a service listens. Raises `NotRunningError`."""
        if service not in self.urls:
            home = self.settings.home
            raise NotRunningError(f"{service} does not run in {home}; start it with: velocity up")
        return self.urls[service]


def find(settings: Settings) -> Installation:
    """The installation in the settings' home. What the settings say wins over what is recorded."""
    recorded = recorded_addresses(settings.home)
    known: dict[str, object] = {}
    if recorded is not None:
        known["kafka"] = settings.kafka or recorded.kafka
        known["cql"] = settings.cql or recorded.cql
    if settings.admin_key is None and _key_file(settings.home).exists():
        known["admin_key"] = SecretStr(_key_file(settings.home).read_text().strip())
    return Installation(settings.model_copy(update=known), _urls(settings.home))


def _urls(home: Path) -> dict[str, str]:
    records = Records(home)
    running = {name: records.running(name) for name in records.names()}
    return {
        name: process.address
        for name, process in running.items()
        if process is not None and "://" in process.address
    }


def record_addresses(home: Path, addresses: Addresses) -> None:
    """Remember which broker and database this home works with."""
    _addresses_file(home).parent.mkdir(parents=True, exist_ok=True)
    _addresses_file(home).write_bytes(msgspec.json.encode(addresses))


def recorded_addresses(home: Path) -> Addresses | None:
    """Which broker and database this home worked with last."""
    try:
        return msgspec.json.decode(_addresses_file(home).read_bytes(), type=Addresses)
    except FileNotFoundError:
        return None


def admin_key(settings: Settings) -> SecretStr:
    """The key of the administration routes: the settings', else the home's, made on first use."""
    if settings.admin_key is not None:
        return settings.admin_key
    file = _key_file(settings.home)
    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return SecretStr(file.read_text().strip())
    key = secrets.token_urlsafe(32)
    with open(handle, "w") as opened:
        opened.write(key + "\n")
    return SecretStr(key)


def _key_file(home: Path) -> Path:
    return home / "admin_key"


def _addresses_file(home: Path) -> Path:
    return home / "addresses.json"
