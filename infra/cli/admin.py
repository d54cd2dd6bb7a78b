"""Administration for the commands that need it: a client, and how its answers are shown."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from infra.admin import Admin


WIDTH_MAX = 400


@contextmanager
def admin() -> Iterator[Admin]:
    """A client of the installation at hand; what is refused is told, with exit code 1."""
    import httpx

    from infra import installation
    from infra.admin import Admin, AdminRefused
    from infra.cli.failures import told
    from infra.settings import settings

    with told(), Admin.of(installation.find(settings())) as client:
        try:
            yield client
        except (AdminRefused, httpx.HTTPError) as error:
            typer.echo(f"velocity: {error}", err=True)
            raise typer.Exit(1) from error


def show(rows: list[dict[str, Any]]) -> None:
    """Rows with the same fields, as a table."""
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False, show_header=bool(rows))
    for column in rows[0] if rows else ():
        table.add_column(column, no_wrap=True)
    for row in rows:
        table.add_row(*(str(value) for value in row.values()))
    # Piped to another program, a table is as wide as its content asks for.
    Console(width=None if sys.stdout.isatty() else WIDTH_MAX).print(table)
