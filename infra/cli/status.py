"""`velocity status`: what of an installation answers, and where."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from infra.settings import Settings

Part = dict[str, str | bool | None]
"""Where a part is (`url` of a service, `address` of a server; null if unknown), and `ready`."""


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
    from infra.launch import is_ready
    from infra.local import cassandra, kafka
    from infra.services import SERVICES

    found = installation.find(settings)
    servers = {
        "kafka": (found.settings.kafka, kafka.answers),
        "cql": (found.settings.cql, cassandra.answers),
    }
    urls = {service.name: found.urls.get(service.name) for service in reversed(SERVICES)}
    with ThreadPoolExecutor(len(urls) + len(servers)) as threads:
        ready = {
            name: threads.submit(lambda url: url is not None and is_ready(url), url)
            for name, url in urls.items()
        }
        answering = {
            name: threads.submit(lambda at, ask: at is not None and ask(at), address, ask)
            for name, (address, ask) in servers.items()
        }
    parts: dict[str, Part] = {
        name: {"url": url, "ready": ready[name].result()} for name, url in urls.items()
    }
    return parts | {
        name: {"address": address, "ready": answering[name].result()}
        for name, (address, _) in servers.items()
    }


def _show(parts: dict[str, Part]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table.grid(padding=(0, 2))
    for name, part in parts.items():
        where = part.get("url") or part.get("address") or ""
        table.add_row(name, "[green]ready[/]" if part["ready"] else "[red]not ready[/]", str(where))
    Console().print(table)
