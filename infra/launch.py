"""A service as a process of its own: what it is told, how it is started, whether it is ready."""

from __future__ import annotations

import os
import sys
from typing import Any

import httpx
from pydantic import SecretStr

from infra import processes
from infra.ports import HOST, free_port, host_and_port
from infra.processes import Process, Records
from infra.services import Service
from infra.settings import Settings

ASK_LIMIT_S = 2.0
ANY_HOST = {"0.0.0.0", "::"}


def environment(service: Service, settings: Settings, port: int) -> dict[str, str]:
    """What a service's process is told: its settings, its port, and no secret it has no use for."""
    told = settings.model_copy(update={service.port_setting: port})
    if service.name != "api":
        told = told.model_copy(update={"admin_key": None, "secret_keys": None})
    ours = {f"VELOCITY_{name.upper()}": getattr(told, name) for name in Settings.model_fields}
    theirs = {name: value for name, value in os.environ.items() if name not in ours}
    return theirs | {name: _text(value) for name, value in ours.items() if value is not None}


def start(service: Service, settings: Settings) -> Process:
    """Start a service that does not run, and record it. It may not be ready yet."""
    records = Records(settings.home)
    host = settings.host if service.has_a_door else HOST
    last = records.recorded(service.name)
    port = free_port(
        getattr(settings, service.port_setting),
        host_and_port(last.address)[1] if last else 0,
        host=host,
    )
    process = processes.start(
        [sys.executable, "-m", "infra.cli", service.name],
        settings.home / "logs" / f"{service.name}.log",
        f"{service.scheme}://{HOST if host in ANY_HOST else host}:{port}",
        environment(service, settings, port),
        behind=service.behind,
    )
    records.save(service.name, process)
    return process


def is_ready(url: str) -> bool:
    """Whether the service at this address says that it is ready."""
    return bool(readiness(url).get("ready"))


def readiness(url: str) -> dict[str, Any]:
    """What the service at this address says of itself, `ready` and details; nothing if it doesn't.

    A door answers as its clients expect, so only its status says whether it is ready.
    """
    try:
        answer = httpx.get(f"{url.replace('ws://', 'http://', 1)}/ready", timeout=ASK_LIMIT_S)
        told = answer.json()
    except (httpx.HTTPError, ValueError):
        return {}
    details = told if isinstance(told, dict) else {}
    return details | {"ready": answer.status_code == httpx.codes.OK}


def _text(value: object) -> str:
    return value.get_secret_value() if isinstance(value, SecretStr) else str(value)
