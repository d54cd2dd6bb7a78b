"""`velocity markets`: create them, change them, list them."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from infra.cli.admin import admin, show

app = typer.Typer(help="Create, change and list markets.", no_args_is_help=True)

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


@app.command()
def change(
    symbol: Annotated[str, typer.Argument(help="Its name, such as BTCUSDT.")],
    status: Annotated[str | None, typer.Option(help="TRADING, HALT, CANCEL_ONLY or BREAK.")] = None,
    reason: Annotated[str | None, typer.Option(help="Why, for people to read.")] = None,
    min_notional: Annotated[str | None, typer.Option(help="Least value of an order.")] = None,
    max_notional: Annotated[str | None, typer.Option(help="Most; 0 for any.")] = None,
    min_price: Annotated[str | None, typer.Option(help="Least price; 0 for a tick.")] = None,
    max_price: Annotated[str | None, typer.Option(help="Highest price; 0 for any.")] = None,
    min_quantity: Annotated[str | None, typer.Option(help="Least quantity; 0 for a lot.")] = None,
    max_quantity: Annotated[str | None, typer.Option(help="Largest; 0 for any.")] = None,
    max_market_quantity: Annotated[
        str | None, typer.Option(help="Largest of a MARKET order; 0 for as any other.")
    ] = None,
    maker_bps: Annotated[int | None, typer.Option(help="Maker fee, in basis points.")] = None,
    taker_bps: Annotated[int | None, typer.Option(help="Taker fee, in basis points.")] = None,
    band_bps: Annotated[
        int | None, typer.Option(help="Halt where the price moves by more; 0 for never.")
    ] = None,
    band_ms: Annotated[int | None, typer.Option(help="Within so many milliseconds.")] = None,
    as_json: Json = False,
) -> None:
    """Change a market; what is left out stays as it is."""
    wanted = {
        "status": status,
        "reason": reason,
        "min_notional": min_notional,
        "max_notional": max_notional,
        "min_price": min_price,
        "max_price": max_price,
        "min_quantity": min_quantity,
        "max_quantity": max_quantity,
        "max_market_quantity": max_market_quantity,
        "maker_fee_bps": maker_bps,
        "taker_fee_bps": taker_bps,
        "band_bps": band_bps,
        "band_ms": band_ms,
    }
    with admin() as client:
        told = {name: value for name, value in wanted.items() if value is not None}
        market = client.change_market(symbol, **told)
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
