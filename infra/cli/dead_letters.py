"""`velocity dead-letters`: what was set aside, why, and back again after a fix."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

if TYPE_CHECKING:
    from infra.dead_letters import DeadLetters, Letter

SHOWN_CHARS_MAX = 2_000

app = typer.Typer(
    help="List the records that could not be taken, show one, or send it back after a fix.",
    no_args_is_help=True,
)

T = TypeVar("T")
Json = Annotated[bool, typer.Option("--json", help="For scripts.")]
Name = Annotated[str, typer.Argument(metavar="PARTITION-OFFSET", help="Its place, as `list` says.")]


@app.command("list")
def list_letters(as_json: Json = False) -> None:
    """Every letter kept, oldest first: where it lay, why it was set aside, where it went back."""
    found = _ask(lambda letters: letters.all())
    if as_json:
        typer.echo(json.dumps([_as_dict(letter) for letter in found]))
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table("letter", "at (UTC)", "was", "by", "bytes", "reason", "went back to")
    for each in found:
        row = (each.name, _time(each.at), each.source, each.by, f"{each.size:,}")
        table.add_row(*row, Text(each.reason), each.reinjected)
    Console().print(table)


@app.command()
def show(name: Name, as_json: Json = False) -> None:
    """One letter, its value decoded as far as it can be, else in hex."""
    from infra.dead_letters import decoded

    letter, value = _ask(lambda letters: letters.one(name))
    shown = decoded(letter, value)
    if as_json:
        typer.echo(json.dumps(_as_dict(letter) | {"value": shown}))
        return
    for field, text in _as_dict(letter).items():
        typer.echo(f"{field:<11} {text}")
    text = json.dumps(shown)
    cut = f"… ({len(text):,} characters; all with --json)" if len(text) > SHOWN_CHARS_MAX else ""
    typer.echo(f"{'value':<11} {text[:SHOWN_CHARS_MAX]}{cut}")


@app.command()
def reinject(
    name: Name,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Append a letter to the partition it lay in, once: it is read again after all else there."""
    letter, _ = _ask(lambda letters: letters.one(name))
    if not yes:
        typer.confirm(
            f"Append {letter.source} ({letter.reason}) to its partition again?", abort=True
        )
    place = _ask(lambda letters: letters.reinject(name))
    typer.echo(f"{name} went back to {place}")


def _ask(ask: Callable[[DeadLetters], Awaitable[T]]) -> T:
    """Ask for the letters of the running installation."""
    import asyncio

    from aiokafka.errors import KafkaError

    from infra.cli.failures import told
    from infra.dead_letters import DeadLetters, NoSuchLetter, NotReinjectable
    from infra.installation import NotRunningError, find
    from infra.settings import settings
    from projections.epoch import RecoveryUnfinished

    async def asked() -> T:
        return await ask(await DeadLetters.of(found))

    with told():
        found = find(settings()).settings
        if found.kafka is None or found.cql is None:
            raise NotRunningError("no broker or no database: set KAFKA and CQL, or run velocity up")
        try:
            return asyncio.run(asked())
        except (KafkaError, NoSuchLetter, NotReinjectable, RecoveryUnfinished) as error:
            typer.echo(f"velocity: {error}", err=True)
            raise typer.Exit(1) from error


def _as_dict(letter: Letter) -> dict[str, Any]:
    return {
        "letter": letter.name,
        "at": letter.at,
        "topic": letter.topic,
        "partition": letter.source_partition,
        "offset": letter.source_offset,
        "by": letter.by,
        "reason": letter.reason,
        "bytes": letter.size,
        "whole": letter.is_whole,
        "reinjected": letter.reinjected or None,
    }


def _time(at: int) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(at / 1000, UTC).isoformat(" ", "seconds")[:19]
