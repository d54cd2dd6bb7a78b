"""`velocity audit`: who changed what of accounts, keys and markets."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Annotated

import typer

from infra.cli.admin import admin, show

SHOWN = ("sequence", "account", "actor", "address", "action", "outcome", "subject")


def audit(
    name: Annotated[str, typer.Argument(help="An account; all where left out.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=1000, help="The last so many.")] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="For scripts.")] = False,
) -> None:
    """Show the audit log."""
    asked = {"account": name, "limit": limit} if name else {"limit": limit}
    with admin() as client:
        entries = client.audit(**asked)
    if as_json:
        typer.echo(json.dumps(entries))
    else:
        show([_row(entry) for entry in entries])


def _row(entry: dict[str, object]) -> dict[str, object]:
    at = datetime.fromtimestamp(int(str(entry["time"])) / 1000, UTC)
    return {"time": at.isoformat(" ", "milliseconds"), **{name: entry[name] for name in SHOWN}}
