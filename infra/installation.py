"""Where things are: the settings, completed by what `velocity up` recorded in VELOCITY_HOME."""

from __future__ import annotations

import base64
import os
import secrets
from collections.abc import Callable
from pathlib import Path

import msgspec
from pydantic import SecretStr

from infra.local import Addresses, Login
from infra.processes import Records
from infra.settings import Settings

SERVICES_USER = "velocity"
"""Who the services are to a broker that asks."""


class NotRunningError(Exception):
    """What is asked for needs a running installation, and there is none in this home."""


class Installation(msgspec.Struct, frozen=True):
    """A running installation as its clients see it.

    The settings have `kafka`, `cql`, `admin_key` and `secret_keys` filled in, and know the api and
    ws by `urls`.
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


def kafka_login(settings: Settings) -> Login | None:
    """Who the services are to the home's own broker, if it asks, or is to; made on first use."""
    recorded = recorded_addresses(settings.home)
    asks = settings.kafka_auth or (recorded is not None and recorded.kafka_auth)
    if settings.kafka is not None or not asks:
        return None
    home = settings.home.absolute()
    password = _own(home / "kafka_password", lambda: secrets.token_urlsafe(32))
    return Login(SERVICES_USER, password.get_secret_value(), home / "kafka" / "tls" / "ca.pem")


def find(settings: Settings) -> Installation:
    """The installation in the settings' home. What the settings say wins over what is recorded."""
    recorded = recorded_addresses(settings.home)
    known: dict[str, object] = {}
    if recorded is not None:
        known["kafka"] = settings.kafka or recorded.kafka
        known["cql"] = settings.cql or recorded.cql
        if recorded.kafka_auth and (login := kafka_login(settings)):
            known |= login.settings()
    for name in ("admin_key", "secret_keys"):
        file = settings.home / name
        if getattr(settings, name) is None and file.exists():
            known[name] = SecretStr(file.read_text().strip())
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
    return settings.admin_key or _own(
        settings.home / "admin_key", lambda: secrets.token_urlsafe(32)
    )


def secret_keys(settings: Settings) -> SecretStr:
    """The keys that seal secrets: the settings', else the home's, made on first use.

    Who loses them loses every session, and every HMAC key has to be given out anew.
    """
    return settings.secret_keys or _own(
        settings.home / "secret_keys", lambda: base64.b64encode(secrets.token_bytes(32)).decode()
    )


def _own(file: Path, make: Callable[[], str]) -> SecretStr:
    """The secret in a file that only its owner reads, made on first use."""
    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return SecretStr(file.read_text().strip())
    secret = make()
    with open(handle, "w") as opened:
        opened.write(secret + "\n")
    return SecretStr(secret)


def _addresses_file(home: Path) -> Path:
    return home / "addresses.json"
