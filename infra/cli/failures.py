"""What a person is told when a command cannot do its work."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import typer


@contextmanager
def told() -> Iterator[None]:
    """Turn the failures that a person can act on into their message and exit code 1."""
    from pydantic import ValidationError

    from infra.installation import NotRunningError
    from infra.local import DownloadError
    from infra.ports import NoFreePortError
    from infra.processes import StartError, StopError
    from projections.schema import OtherTables

    try:
        yield
    except (
        ConnectionError,
        DownloadError,
        NoFreePortError,
        NotRunningError,
        OtherTables,
        StartError,
        StopError,
        TimeoutError,
        ValidationError,
    ) as failure:
        typer.echo(f"velocity: {failure}", err=True)
        raise typer.Exit(1) from failure
