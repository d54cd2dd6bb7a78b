"""`velocity bench`: what the exchange costs, beside what the ground it stands on costs."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from tests.benchmarks.report import Bench


def bench(
    name: Annotated[
        str | None, typer.Argument(help="Which; without one, all there are are listed.")
    ] = None,
    json: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write what was found there.")
    ] = None,
    against: Annotated[
        Path | None,
        typer.Option(
            "--compare",
            exists=True,
            dir_okay=False,
            metavar="FILE",
            help="Show the change against what --json wrote before.",
        ),
    ] = None,
) -> None:
    """Measure a part of the exchange, each figure beside its limit taken in the same run.

    Uses only this machine, and servers of its own below a temporary folder unless KAFKA and CQL
    name some. Benches are part of the source tree, not of an installed package.
    """
    from infra.cli import failures

    try:
        from tests.benchmarks import registry, report
    except ImportError as error:
        raise typer.BadParameter("benches are in the source tree; run this in a clone") from error

    if name is None:
        for known, entry in registry.BENCHES.items():
            typer.echo(f"{known:12} {entry.asks}")
        return
    if name not in registry.BENCHES:
        raise typer.BadParameter(f"there is no {name!r}, but {', '.join(registry.BENCHES)}")
    before = None if against is None else report.read(against)
    # As Ctrl-C does: what a bench has started is stopped.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with failures.told():
        found = registry.BENCHES[name].load()(lambda text: typer.echo(text, err=True))
    _show(found, before)
    if json is not None:
        report.write(found, json)


def _show(found: Bench, before: Bench | None) -> None:
    from rich.console import Console
    from rich.table import Table

    from tests.benchmarks.report import compare, row

    console = Console()
    console.print(f"[bold]{found.bench}[/]: {found.load}")
    console.print(", ".join(f"{what} {value}" for what, value in found.hardware.items()))
    table = Table("case", "value", "limit", "ratio", "aim", "met")
    if before is None:
        for case in found.cases:
            table.add_row(*row(case))
    else:
        table.add_column("of before")
        for case, change in compare(found, before):
            table.add_row(*row(case), "" if change is None else f"{change:.2f}")
    console.print(table)
