"""`velocity readers`: who else may read the public topics."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from infra.cli.failures import told

app = typer.Typer(
    help="Let other teams read the public topics, or no longer.", no_args_is_help=True
)
Name = Annotated[str, typer.Argument(help="Small letters, digits and hyphens.")]


@app.command()
def grant(
    name: Name,
    bytes_per_second: Annotated[
        float, typer.Option(min=1024, help="What they may read of each broker.")
    ] = 8 * 1024 * 1024,
) -> None:
    """Let somebody read the public topics, and print their password: it is kept nowhere."""
    import asyncio

    from infra import access, installation
    from infra.settings import settings

    with told():
        found = installation.find(settings()).settings
        quota = access.Quota(consumer_byte_rate=bytes_per_second)
        try:
            password = asyncio.run(access.grant(found, name, quota))
        except access.ReaderError as error:
            raise typer.BadParameter(str(error)) from error
    shown = {"KAFKA": found.kafka, "KAFKA_USER": name, "KAFKA_PASSWORD": password}
    if found.kafka_ca is not None:
        shown["KAFKA_CA"] = str(found.kafka_ca)
    typer.echo(json.dumps(shown))


@app.command()
def revoke(name: Name) -> None:
    """Let somebody in no more."""
    import asyncio

    from infra import access, installation
    from infra.settings import settings

    with told():
        try:
            asyncio.run(access.revoke(installation.find(settings()).settings, name))
        except access.ReaderError as error:
            raise typer.BadParameter(str(error)) from error
    typer.echo(f"{name} may read nothing any more")


@app.command()
def certificates(folder: Annotated[Path, typer.Argument(help="Where `ca.pem` is to be.")]) -> None:
    """Make the certificates that a broker on this machine shows; none where there are some."""
    from infra.local.secured import make_certificates

    make_certificates(folder / "ca.pem")
