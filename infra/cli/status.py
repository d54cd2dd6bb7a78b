"""`velocity status`: what of an installation answers, and where."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from infra.settings import Settings

Part = dict[str, Any]
"""Where a part is (`url` of a service, `address` of a server; null if unknown), whether it is
`ready`, and what else a service says of itself (`details`)."""


def status(
    as_json: Annotated[bool, typer.Option("--json", help="For scripts.")] = False,
) -> None:
    """Show each part's address and readiness. Exits 0 only if all are ready."""
    from infra.settings import settings

    parts = survey(settings())
    if as_json:
        typer.echo(json.dumps(parts))
    else:
        _show(parts)
    if not all(part["ready"] for part in parts.values()):
        raise typer.Exit(1)


def survey(settings: Settings) -> dict[str, Part]:
    """Ask every part of the installation, all at once, whether it is ready."""
    from concurrent.futures import ThreadPoolExecutor

    from infra import installation
    from infra.launch import readiness
    from infra.local import cassandra, kafka
    from infra.services import SERVICES

    found = installation.find(settings)

    def kafka_answers(_: str) -> bool:
        return kafka.answers(**found.settings.kafka_client)

    servers = {
        "kafka": (found.settings.kafka, kafka_answers),
        "cql": (found.settings.cql, cassandra.answers),
    }
    urls = {service.name: found.urls.get(service.name) for service in reversed(SERVICES)}
    with ThreadPoolExecutor(len(urls) + len(servers)) as threads:
        told = {
            name: threads.submit(lambda url: {} if url is None else readiness(url), url)
            for name, url in urls.items()
        }
        answering = {
            name: threads.submit(lambda at, ask: at is not None and ask(at), address, ask)
            for name, (address, ask) in servers.items()
        }
    parts = {name: _part(url, told[name].result()) for name, url in urls.items()}
    return parts | {
        name: {"address": address, "ready": answering[name].result()}
        for name, (address, _) in servers.items()
    }


def _part(url: str | None, told: dict[str, Any]) -> Part:
    details = {name: value for name, value in told.items() if name != "ready"}
    return {"url": url, "ready": bool(told.get("ready")), "details": details}


def _show(parts: dict[str, Part]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table.grid(padding=(0, 2))
    for name, part in parts.items():
        where = part.get("url") or part.get("address") or ""
        ready = "[green]ready[/]" if part["ready"] else "[red]not ready[/]"
        table.add_row(name, ready, str(where), _told(part.get("details", {})))
    Console().print(table)


def _told(details: dict[str, Any]) -> str:
    """What is worth a look: what a worker on its way back has done and has left to do, and how
    much of the log the archive does not have yet.
    """
    if "waits_for" in details:
        return f"waits for {', '.join(details['waits_for'])}"
    if "phase" in details:
        phase, replayed = details["phase"], details.get("replayed", 0)
        behind = details.get("records_behind", 0)
        done = f"{replayed:,} records replayed"
        return done if phase == "ready" else f"recovers ({phase}): {done}, {behind:,} left"
    if isinstance(archive := details.get("archive"), dict) and archive.get("lag") is not None:
        return f"archive {archive['lag']:,} records behind the log"
    return ""
