"""One command per service: run it in the foreground, as under systemd or in a container."""

from __future__ import annotations

from collections.abc import Callable

import typer

from infra.services import SERVICES, Service

LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
PANEL = "Services, one at a time"


def add_to(app: typer.Typer) -> None:
    """Add each service's command."""
    for service in SERVICES:
        app.command(service.name, help=service.does, rich_help_panel=PANEL)(_runner(service))


def _runner(service: Service) -> Callable[[], None]:
    def run() -> None:
        import logging

        from infra.settings import settings

        logging.basicConfig(level=settings().log_level, format=LOG_FORMAT, force=True)
        service.load()(settings())

    return run
