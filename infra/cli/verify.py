"""`velocity verify`: prove a running system right."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from infra.verify.checks import Check

WORKERS = ("ledger", "matching", "market-data")
DIFFERENT = 1
NOT_VERIFIED = 2


class From(StrEnum):
    """`infra.verify.replay.Source`, said here because that is slow to import."""

    CHECKPOINT = "checkpoint"
    START = "start"
    ARCHIVE = "archive"


def verify(
    source: Annotated[
        From,
        typer.Option(
            "--from",
            help="Replay from the newest checkpoint, the log's start, or the archive's.",
        ),
    ] = From.CHECKPOINT,
    last: Annotated[
        int | None,
        typer.Option(min=1, help="Read the last so many records of public topics; else all."),
    ] = None,
    worker: Annotated[
        list[str] | None,
        typer.Option(
            help="A worker's health address, http://host:port, instead of this home's; repeatable."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For scripts.")] = False,
) -> None:
    """Hold the running system against its log, in this process, and the database against both.

    Exits with 1 where anything differs, naming the first difference; with 2 where the system could
    not be verified.
    """
    from rich.console import Console

    from infra.verify import display

    checks = _checks(source, last, worker)
    if as_json:
        typer.echo(display.as_json(checks))
    else:
        display.show(checks, Console())
    if not all(check.holds for check in checks):
        raise typer.Exit(DIFFERENT)


def _checks(source: From, last: int | None, worker: list[str] | None) -> list[Check]:
    """What is found; exits where the system could not be verified."""
    import asyncio

    from aiokafka.errors import KafkaError

    from infra.installation import NotRunningError, find
    from infra.settings import settings
    from infra.verify import run
    from infra.verify.checks import CannotVerify
    from infra.verify.replay import Source
    from projections.epoch import RecoveryUnfinished

    # A broker, a database or a worker that is away comes as one of the last three.
    away = (
        CannotVerify,
        NotRunningError,
        RecoveryUnfinished,
        ConnectionError,
        KafkaError,
        TimeoutError,
    )
    try:
        found = find(settings())
        if found.settings.kafka is None or found.settings.cql is None:
            raise NotRunningError("no broker or no database: set KAFKA and CQL, or run velocity up")
        urls = worker or [found.url(name) for name in WORKERS]
        return asyncio.run(run.verify(found.settings, urls, Source(source), last))
    except away as error:
        typer.echo(f"velocity: not verified: {error}", err=True)
        raise typer.Exit(NOT_VERIFIED) from error
