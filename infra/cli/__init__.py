"""The command line, `velocity`.

A command lives in a module of its own and is one line below. A module imports at its top only what
is quick to import; frameworks and drivers it imports inside the command, so that `velocity --help`
answers at once (`tests/unit/infra/test_cli.py` holds it to that).
"""

from __future__ import annotations

import logging

import typer

from infra.cli import (
    accounts,
    audit,
    bench,
    checkpoints,
    dead_letters,
    demo,
    keys,
    lifecycle,
    logs,
    markets,
    match,
    readers,
    recover,
    run,
    status,
    topics,
    verify,
)

app = typer.Typer(
    help="An exchange a team can run itself.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.command()(lifecycle.up)
app.command()(lifecycle.down)
app.command()(status.status)
app.command()(logs.logs)
app.command()(lifecycle.init)
app.command()(demo.demo)
app.command()(match.match)
app.command()(bench.bench)
app.command()(verify.verify)
app.command()(recover.recover)
app.command()(audit.audit)
app.add_typer(topics.app, name="topics")
app.add_typer(markets.app, name="markets")
app.add_typer(accounts.app, name="accounts")
app.add_typer(keys.app, name="keys")
app.add_typer(checkpoints.app, name="checkpoints")
app.add_typer(dead_letters.app, name="dead-letters")
app.add_typer(readers.app, name="readers")
run.add_to(app)


def main() -> None:
    """The entry point of the console script."""
    # What clients log while a server is away is no news here: a command says so itself. A service
    # sets up logging of its own.
    logging.getLogger().addHandler(logging.NullHandler())
    app()
