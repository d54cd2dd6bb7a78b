"""`velocity accounts`: open them, fund them, list them, let somebody log in."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from infra.cli.admin import admin, show

app = typer.Typer(help="Open, fund and list accounts, set logins.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="For scripts.")]


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="Its name: lower-case letters, digits, - and _.")],
    fund: Annotated[
        list[str] | None, typer.Option(help="What to credit, as ASSET=AMOUNT; may be repeated.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Open an account with an API key, and credit it. The secret is shown only here."""
    funds = [_fund(text) for text in fund or ()]
    with admin() as client:
        client.create_account(name)
        for asset, amount in funds:
            client.deposit(name, asset, amount, "opening")
        key = client.create_key(name)
    if as_json:
        typer.echo(json.dumps(key))
    else:
        show([key])


@app.command(name="list")
def list_accounts(as_json: Json = False) -> None:
    """List all accounts."""
    with admin() as client:
        accounts = client.accounts()
    if as_json:
        typer.echo(json.dumps(accounts))
    else:
        show(accounts)


@app.command()
def deposit(
    name: Annotated[str, typer.Argument(help="The account.")],
    asset: Annotated[str, typer.Argument(help="What came in, such as USDT.")],
    amount: Annotated[str, typer.Argument(help="How much of it.")],
    reference: Annotated[str, typer.Option(help="A name for it, for whoever audits.")] = "",
    as_json: Json = False,
) -> None:
    """Credit an account with what came in."""
    with admin() as client:
        balance = client.deposit(name, asset, amount, reference)
    if as_json:
        typer.echo(json.dumps(balance))
    else:
        show([balance])


@app.command()
def login(
    name: Annotated[str, typer.Argument(help="The account.")],
    email: Annotated[str, typer.Argument(help="Who may log in.")],
    password: Annotated[
        str,
        typer.Option(prompt=True, hide_input=True, confirmation_prompt=True, help="Prompted for."),
    ],
) -> None:
    """Let somebody log in to an account, or give who can another password."""
    with admin() as client:
        show([client.set_login(name, email, password)])


def _fund(text: str) -> tuple[str, str]:
    asset, equals, amount = text.partition("=")
    if not (asset and equals and amount):
        raise typer.BadParameter(f"{text!r} is not ASSET=AMOUNT", param_hint="--fund")
    return asset, amount
