"""`velocity demo`."""

from __future__ import annotations

from typing import Annotated

import typer


def demo(
    seconds: Annotated[
        float | None, typer.Option(min=1, help="Stop after so long; else at Ctrl-C.")
    ] = None,
    rate: Annotated[float, typer.Option(min=1, max=2000, help="Orders a second to aim at.")] = 60,
) -> None:
    """Let simulated traders trade, and hold what comes out of the doors against each other.

    Starts what is not running; if nothing was, all of it is stopped again at the end.
    """
    import asyncio

    from rich.console import Console

    from infra.bring_up import bring_up, take_down
    from infra.cli.failures import told
    from infra.cli.lifecycle import readiness_shown
    from infra.demo.run import demonstrate
    from infra.processes import Records
    from infra.settings import UNLIMITED, settings

    records = Records(settings().home)
    was_running = any(records.running(name) for name in records.names())
    try:
        with told(), readiness_shown() as report:
            alone = UNLIMITED | {"quick_servers": True}
            ours = settings() if was_running else settings().model_copy(update=alone)
            installation = bring_up(ours, report)
        agreed = asyncio.run(demonstrate(installation, Console(), seconds, rate))
    finally:
        if not was_running:
            with told():
                stopped = list(take_down(settings()))
            typer.echo(f"stopped {', '.join(stopped)}")
    raise typer.Exit(0 if agreed else 1)
