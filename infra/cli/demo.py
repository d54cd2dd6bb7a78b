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

    Starts whatever is not running; what it started keeps running until `velocity down`.
    """
    import asyncio

    from rich.console import Console

    from infra.bring_up import bring_up
    from infra.cli.failures import told
    from infra.cli.lifecycle import readiness_shown
    from infra.demo.run import demonstrate
    from infra.settings import settings

    with told(), readiness_shown() as report:
        installation = bring_up(settings(), report)
    agreed = asyncio.run(demonstrate(installation, Console(), seconds, rate))
    raise typer.Exit(0 if agreed else 1)
