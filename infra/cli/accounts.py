"""`velocity accounts`: open, fund and list them, logins, status, fees and withdrawals."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from infra.cli.admin import admin, show

app = typer.Typer(
    help="Open, fund and list accounts; logins, status, fees, withdrawals.", no_args_is_help=True
)

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


@app.command()
def status(
    name: Annotated[str, typer.Argument(help="The account.")],
    to: Annotated[
        str | None, typer.Option(help="OPEN, FROZEN, or for an empty account CLOSED.")
    ] = None,
    reason: Annotated[str, typer.Option(help="Why, for whoever audits.")] = "",
    as_json: Json = False,
) -> None:
    """Show how an account stands; freeze it, open it again, or close it for good."""
    with admin() as client:
        found = client.account(name) if to is None else client.set_status(name, to, reason)
    _show_standing(found, as_json)


@app.command()
def fees(
    name: Annotated[str, typer.Argument(help="The account.")],
    maker: Annotated[int | None, typer.Option(help="Basis points as a maker.")] = None,
    taker: Annotated[int | None, typer.Option(help="Basis points as a taker.")] = None,
    as_json: Json = False,
) -> None:
    """Let an account pay fees of its own; without any, each market's."""
    with admin() as client:
        found = client.set_fees(name, maker, taker)
    _show_standing(found, as_json)


@app.command()
def withdraw(
    name: Annotated[str, typer.Argument(help="The account.")],
    asset: Annotated[str, typer.Argument(help="What is taken out, such as USDT.")],
    amount: Annotated[str, typer.Argument(help="How much of it.")],
    reference: Annotated[str, typer.Argument(help="A name for it; the same again does nothing.")],
    as_json: Json = False,
) -> None:
    """Hold what is to be taken out, until it is decided."""
    with admin() as client:
        held = client.request_withdrawal(name, asset, amount, reference)
    if as_json:
        typer.echo(json.dumps(held))
    else:
        show([held])


@app.command()
def decide(
    name: Annotated[str, typer.Argument(help="The account.")],
    reference: Annotated[str, typer.Argument(help="The withdrawal.")],
    approve: Annotated[bool, typer.Option("--approve/--refuse", help="Pay it out, or release it.")],
    reason: Annotated[str, typer.Option(help="Why, for whoever audits.")] = "",
    as_json: Json = False,
) -> None:
    """Pay a pending withdrawal out, or release what is held for it."""
    with admin() as client:
        decided = client.decide_withdrawal(name, reference, approve, reason)
    if as_json:
        typer.echo(json.dumps(decided))
    else:
        show([decided])


def _show_standing(found: dict[str, Any], as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(found))
        return
    withdrawals = found.pop("withdrawals")
    show([found])
    if withdrawals:
        show(withdrawals)


def _fund(text: str) -> tuple[str, str]:
    asset, equals, amount = text.partition("=")
    if not (asset and equals and amount):
        raise typer.BadParameter(f"{text!r} is not ASSET=AMOUNT", param_hint="--fund")
    return asset, amount
