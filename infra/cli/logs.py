"""`velocity logs`: what the services and servers of an installation say."""

from __future__ import annotations

import time
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Annotated

import typer

POLL_S = 0.2


def logs(
    name: Annotated[str | None, typer.Argument(help="A service, kafka or cassandra.")] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until Ctrl-C.")] = False,
    lines: Annotated[int, typer.Option("--lines", "-n", min=0, help="How many of the last.")] = 50,
) -> None:
    """Show the last lines of one log, or of each."""
    from infra.processes import tail
    from infra.settings import settings

    folder = settings().home / "logs"
    files = sorted(folder.glob("*.log")) if name is None else [folder / f"{name}.log"]
    if not files or not all(file.exists() for file in files):
        typer.echo(f"velocity: no log of {name or 'anything'} in {folder}", err=True)
        raise typer.Exit(1)
    ends = {file: file.stat().st_size for file in files}
    for file in files:
        _show(file, tail(file, lines), prefixed=name is None)
    if follow:
        _follow(ends, prefixed=name is None)


def _follow(ends: dict[Path, int], *, prefixed: bool) -> None:
    with ExitStack() as stack:
        opened = {file: stack.enter_context(file.open(errors="replace")) for file in ends}
        for file, log in opened.items():
            log.seek(ends[file])
        with suppress(KeyboardInterrupt):
            while True:
                for file, log in opened.items():
                    _show(file, log.read(), prefixed=prefixed)
                time.sleep(POLL_S)


def _show(file: Path, text: str, *, prefixed: bool) -> None:
    for line in text.splitlines():
        typer.echo(f"{file.stem:<12} {line}" if prefixed else line)
