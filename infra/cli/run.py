"""One command per service: run it in the foreground, as under systemd or in a container."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import typer

from infra.services import SERVICES, Service

LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
PANEL = "Services, one at a time"
FROM_SCRATCH = ("ledger", "matching")
"""Services whose records the database keeps, so that they can do without checkpoints."""

FromScratch = Annotated[
    bool,
    typer.Option(
        "--from-scratch",
        help="Replay the last 24 hours from the database, then the log: onto an empty state, or, "
        "in a venue older than that, onto the checkpoint from before them.",
    ),
]


def add_to(app: typer.Typer) -> None:
    """Add each service's command."""
    for service in SERVICES:
        app.command(service.name, help=service.does, rich_help_panel=PANEL)(_runner(service))


def _runner(service: Service) -> Callable[[], None]:
    def run() -> None:
        _run(service)

    def run_worker(from_scratch: FromScratch = False) -> None:
        _run(service, **({"from_scratch": True} if from_scratch else {}))

    return run_worker if service.name in FROM_SCRATCH else run


def _run(service: Service, **changes: object) -> None:
    import logging

    from infra.settings import settings

    told = settings().model_copy(update=changes)
    logging.basicConfig(level=told.log_level, format=LOG_FORMAT, force=True)
    service.load()(told)
