"""`velocity markets`: create them, list them."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from infra.cli.admin import admin, show

app = typer.Typer(help="Create and list markets.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="For scripts.")]


@app.command()
def create(
    symbol: Annotated[str, typer.Argument(help="Its name, such as BTCUSDT.")],
    base: Annotated[str, typer.Option(help="What is traded.")],
    quote: Annotated[str, typer.Option(help="What is paid with.")],
    tick: Annotated[str, typer.Option(help="Step of prices, in the quote asset.")],
    lot: Annotated[str, typer.Option(help="Step of quantities, in the base asset.")],
    min_notional: Annotated[str, typer.Option(help="Least value of an order.")] = "0",
    maker_bps: Annotated[int, typer.Option(help="Maker fee, in basis points.")] = 0,
    taker_bps: Annotated[int, typer.Option(help="Taker fee, in basis points.")] = 0,
    as_json: Json = False,
) -> None:
    """Create a market; it takes orders when this returns."""
    with admin() as client:
        market = client.create_market(
            symbol=symbol,
            base=base,
            quote=quote,
            tick=tick,
            lot=lot,
            min_notional=min_notional,
            maker_fee_bps=maker_bps,
            taker_fee_bps=taker_bps,
        )
    if as_json:
        typer.echo(json.dumps(market))
    else:
        show([market])


@app.command(name="list")
def list_markets(as_json: Json = False) -> None:
    """List all markets."""
    with admin() as client:
        markets = client.markets()
    if as_json:
        typer.echo(json.dumps(markets))
    else:
        show(markets)
