"""`velocity up`, `down` and `init`."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

from infra.cli.failures import told

if TYPE_CHECKING:
    from rich.table import Table

    from infra.bring_up import Report, State


def up() -> None:
    """Start whatever is not running, and wait until all of it is ready."""
    from infra.bring_up import bring_up
    from infra.settings import settings

    with told(), readiness_shown() as report:
        running = bring_up(settings(), report)
    typer.echo(f"REST {running.api_url}/docs   WebSocket {running.ws_url}/ws")


def down() -> None:
    """Stop what `up` started."""
    from infra.bring_up import take_down
    from infra.settings import settings

    stopped = 0
    with told():
        for name in take_down(settings()):
            typer.echo(f"{name} stopped")
            stopped += 1
    if not stopped:
        typer.echo(f"nothing was running in {settings().home}")


def init() -> None:
    """Create the topics and tables that are missing."""
    from infra import installation
    from infra.bring_up import create_topics_and_tables
    from infra.installation import NotRunningError
    from infra.settings import settings

    with told():
        found = installation.find(settings()).settings
        if found.kafka is None or found.cql is None:
            raise NotRunningError("no broker or no database: set KAFKA and CQL, or run velocity up")
        create_topics_and_tables(found)


@contextmanager
def readiness_shown() -> Iterator[Report]:
    """Show each part's readiness as it changes: a table on a terminal, a line each elsewhere."""
    from rich.console import Console

    console = Console()
    if not console.is_terminal:
        yield _line
        return
    from rich.live import Live

    board = _Board()
    with Live(get_renderable=board.table, console=console, refresh_per_second=8) as live:
        # Fetching jars comes before the first report, and shows a progress bar of its own.
        live.stop()

        def report(name: str, state: State, address: str) -> None:
            live.start()
            board.report(name, state, address)

        yield report


def _line(name: str, state: State, address: str) -> None:
    if state == "ready":
        typer.echo(f"{name} ready {address}".rstrip())


class _Board:
    """The parts in the order in which they were first reported."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._parts: dict[str, tuple[str, str]] = {}

    def report(self, name: str, state: State, address: str) -> None:
        took_s = time.monotonic() - self._began
        shown = (
            f"[green]ready[/] after {took_s:.1f} s" if state == "ready" else "[yellow]starting[/]"
        )
        self._parts[name] = (shown, address)

    def table(self) -> Table:
        from rich.table import Table

        table = Table.grid(padding=(0, 2))
        for name, (state, address) in self._parts.items():
            table.add_row(name, state, address)
        return table
