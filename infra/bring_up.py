"""Bring an installation up and down: the broker and the database, what is in them, the services."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Literal

from infra import installation, launch
from infra.installation import Installation
from infra.local import Addresses, LocalStack
from infra.processes import Process, Records, StartError
from infra.services import SERVICES, Service
from infra.settings import Settings

LOCK_LIMIT_S = 300.0
READY_LIMIT_S = 60.0
POLL_S = 0.1

State = Literal["starting", "ready"]
Report = Callable[[str, State, str], None]
"""Told of each part's name, its state, and its address."""

TOPICS_AND_TABLES = "topics and tables"


def bring_up(settings: Settings, report: Report) -> Installation:
    """Start whatever of the installation does not run; return when all of it is ready.

    Raises `StartError` with the end of the log of what failed, `DownloadError`, or `TimeoutError`.
    """
    settings = settings.model_copy(update={"home": settings.home.absolute()})
    records = Records(settings.home)
    with records.exclusive("services", LOCK_LIMIT_S):
        addresses = _ground(settings, report)
        if addresses != installation.recorded_addresses(settings.home):
            # Services that still run were told of servers that are elsewhere now.
            list(_stop_services(records))
            installation.record_addresses(settings.home, addresses)
        settings = _knowing(addresses, settings).model_copy(
            update={
                "admin_key": installation.admin_key(settings),
                "secret_keys": installation.secret_keys(settings),
            }
        )
        report(TOPICS_AND_TABLES, "starting", "")
        create_topics_and_tables(settings)
        report(TOPICS_AND_TABLES, "ready", "")
        _start_services(settings, report)
    return installation.find(settings)


def bring_up_servers(settings: Settings, report: Report) -> Settings:
    """Start the broker and the database, and no service; returns the settings with where they are.

    Tables are created, topics are not. Raises as `bring_up` does.
    """
    from projections import schema

    settings = settings.model_copy(update={"home": settings.home.absolute()})
    with Records(settings.home).exclusive("services", LOCK_LIMIT_S):
        addresses = _ground(settings, report)
        installation.record_addresses(settings.home, addresses)
        settings = _knowing(addresses, settings)
        schema.create(settings)
    return settings


def create_topics_and_tables(settings: Settings) -> None:
    """Create what is missing on the broker and in the database of these settings."""
    from projections import schema
    from streams.runtime import provision

    asyncio.run(provision.create_topics(settings))
    schema.create(settings)


def take_down(settings: Settings) -> Iterator[str]:
    """Stop what `bring_up` started, the doors first and the servers last. Yields the name of each
    that ran.
    """
    records = Records(settings.home)
    with records.exclusive("services", LOCK_LIMIT_S):
        yield from _stop_services(records)
        yield from LocalStack(settings.home, settings.cache).stop()


def _stop_services(records: Records) -> Iterator[str]:
    """The doors first, so that nothing new comes in; then all that works on it, side by side."""
    last_first = SERVICES[::-1]
    doors = [service.name for service in last_first if service.has_a_door]
    others = [service.name for service in last_first if not service.has_a_door]
    with ThreadPoolExecutor(len(SERVICES)) as threads:
        for names in (doors, others):
            for name, ran in zip(names, threads.map(records.stop, names), strict=True):
                if ran:
                    yield name


def _ground(settings: Settings, report: Report) -> Addresses:
    """The broker and the database: those in the settings, else the local stack's."""
    login = installation.kafka_login(settings)
    stack = LocalStack(settings.home, settings.cache, login, quick=settings.quick_servers)
    stack.install(settings.kafka, settings.cql)
    report("kafka", "starting", settings.kafka or "")
    report("cql", "starting", settings.cql or "")
    addresses = stack.start(settings.kafka, settings.cql)
    report("kafka", "ready", addresses.kafka)
    report("cql", "ready", addresses.cql)
    return addresses


def _knowing(addresses: Addresses, settings: Settings) -> Settings:
    """The settings with where the servers are, and who we are to a broker of our own."""
    login = installation.kafka_login(settings)
    told = login.settings() if login else {}
    return settings.model_copy(update={**told, "kafka": addresses.kafka, "cql": addresses.cql})


def _start_services(settings: Settings, report: Report) -> None:
    records = Records(settings.home)
    waiting: dict[Service, Process] = {}
    started: set[Service] = set()
    for service in SERVICES:
        process = records.running(service.name)
        if process is None:
            process = launch.start(service, settings)
            started.add(service)
        waiting[service] = process
        report(service.name, "starting", process.address)
    deadline = time.monotonic() + READY_LIMIT_S
    while waiting:
        for service, process in list(waiting.items()):
            if launch.is_ready(process.address):
                report(service.name, "ready", process.address)
                del waiting[service]
            elif time.monotonic() > deadline:
                raise _failure(service, settings, f"was not ready within {READY_LIMIT_S:.0f} s")
            elif not process.running():
                if service in started:
                    raise _failure(service, settings, "ended instead of getting ready")
                # It was on its way out when it was found.
                waiting[service] = launch.start(service, settings)
                started.add(service)
        time.sleep(POLL_S)


def _failure(service: Service, settings: Settings, reason: str) -> StartError:
    return StartError(service.name, reason, settings.home / "logs" / f"{service.name}.log")
