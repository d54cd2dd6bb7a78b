"""`velocity checkpoints`: which there are, and whether machines come back from them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from infra.verify.checks import Check
    from streams.runtime.ports import Checkpoint

app = typer.Typer(help="List checkpoints, or try them.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="For scripts.")]


@app.command("list")
def list_checkpoints(as_json: Json = False) -> None:
    """Every checkpoint kept: whose, where it stands, when, its digest and its size."""
    kept = [checkpoint for checkpoint, _ in _kept(tried=False)]
    if as_json:
        typer.echo(json.dumps([_as_dict(checkpoint) for checkpoint in kept]))
        return
    from datetime import UTC, datetime

    from rich.console import Console
    from rich.table import Table

    table = Table("role", "partition", "position", "at (UTC)", "digest", "chunks")
    for each in kept:
        at = datetime.fromtimestamp(each.at / 1000, UTC).isoformat(" ", "seconds")[:19]
        row = (each.role, each.partition, each.position, at, each.digest, each.chunks)
        table.add_row(*map(str, row))
    Console().print(table)


@app.command()
def verify(as_json: Json = False) -> None:
    """Bring a machine back from each checkpoint. Exits with 1 where any can't be used."""
    found = _kept(tried=True)
    if as_json:
        typer.echo(
            json.dumps(
                [
                    _as_dict(checkpoint)
                    | {"usable": check.holds, "size": check.compared, "fault": check.difference}
                    for checkpoint, check in found
                ]
            )
        )
    else:
        from rich.console import Console

        from infra.verify import display

        display.show([check for _, check in found], Console())
    if not all(check.holds for _, check in found):
        raise typer.Exit(1)


def _kept(*, tried: bool) -> list[tuple[Checkpoint, Check]]:
    """The checkpoints, and what came of trying each, if they are."""
    import asyncio

    from infra.cli.failures import told
    from infra.installation import NotRunningError, find
    from infra.settings import settings
    from infra.verify import kept
    from infra.verify.checks import Check
    from infra.verify.run import ROLES
    from streams.runtime.cql_store import CqlStore

    found = find(settings()).settings

    async def read() -> list[tuple[Checkpoint, Check]]:
        store = CqlStore(found)
        try:
            return [
                (
                    checkpoint,
                    await kept.tried(role, checkpoint, store, found) if tried else Check("", ""),
                )
                for role, checkpoint in await kept.all_kept(ROLES, store, found)
            ]
        finally:
            await store.close()

    with told():
        if found.cql is None:
            raise NotRunningError("no database: set CQL, or run velocity up")
        return asyncio.run(read())


def _as_dict(checkpoint: Checkpoint) -> dict[str, object]:
    return {
        "role": checkpoint.role,
        "partition": checkpoint.partition,
        "position": checkpoint.position,
        "at": checkpoint.at,
        "digest": checkpoint.digest,
        "chunks": checkpoint.chunks,
    }
