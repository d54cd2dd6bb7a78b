"""`velocity keys`: give out API keys, list and end them."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Annotated

import typer

from infra.cli.admin import admin, show

app = typer.Typer(help="Give out, list and end API keys.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="For scripts.")]
Account = Annotated[str, typer.Argument(help="The account.")]

DAY_MS = 86_400_000
LISTED = ("api_key", "kind", "label", "permissions", "networks", "expires", "revoked")


@app.command()
def create(
    name: Account,
    permission: Annotated[
        list[str] | None, typer.Option(help="read, trade or withdraw; may be repeated.")
    ] = None,
    network: Annotated[
        list[str] | None, typer.Option(help="Where it may be used from; may be repeated.")
    ] = None,
    days: Annotated[int, typer.Option(min=0, help="How long it works; 0 is for good.")] = 0,
    label: Annotated[str, typer.Option(help="What it is for.")] = "",
    public_key: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="PEM of an Ed25519 public key."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Give an account an API key. A secret is shown only here."""
    terms = {
        "permissions": permission or ["read", "trade"],
        "networks": network or [],
        "expires": time.time_ns() // 1_000_000 + days * DAY_MS if days else 0,
        "label": label,
        "public_key": public_key.read_text() if public_key else "",
    }
    with admin() as client:
        key = client.create_key(name, **terms)
    if as_json:
        typer.echo(json.dumps(key))
    else:
        show([key])


@app.command(name="list")
def list_keys(name: Account, as_json: Json = False) -> None:
    """List an account's API keys."""
    with admin() as client:
        keys = client.keys(name)
    if as_json:
        typer.echo(json.dumps(keys))
    else:
        show([{column: _cell(key[column]) for column in LISTED} for key in keys])


@app.command()
def revoke(
    name: Account, key: Annotated[str, typer.Argument(help="The API key, not its secret.")]
) -> None:
    """End an API key: at once, at further api instances within seconds."""
    with admin() as client:
        show([client.revoke_key(name, key)])


def _cell(value: object) -> str:
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)
