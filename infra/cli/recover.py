"""`velocity recover`: begin anew on a broker that has lost its data, from the database alone."""

from __future__ import annotations

from typing import Annotated

import typer

from infra.cli.failures import told

NOT_RECOVERED = 1


def recover(
    as_json: Annotated[bool, typer.Option("--json", help="For scripts.")] = False,
) -> None:
    """Make books and balances again from the database, on a broker that has lost its data.

    Services must be stopped, and the venue's topics new. Afterwards, `velocity up`. See
    docs/operations/disaster-recovery.md.
    """
    import asyncio

    from rich.console import Console

    from infra.bring_up import bring_up_servers
    from infra.recover.ground import NotNow, nothing_runs
    from infra.recover.past import CannotRecover
    from infra.recover.report import show
    from infra.recover.run import recover as run
    from infra.settings import settings

    try:
        with told():
            nothing_runs(settings())
            ready = bring_up_servers(settings(), lambda name, state, address: None)
            report = asyncio.run(run(ready, lambda step: typer.echo(step, err=True)))
    except (NotNow, CannotRecover) as error:
        typer.echo(f"velocity: {error}", err=True)
        raise typer.Exit(NOT_RECOVERED) from error
    if as_json:
        typer.echo(report.as_json())
    else:
        show(report, Console())
