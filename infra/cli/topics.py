"""`velocity topics`: what topics there are, and what travels on one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from infra.settings import Settings

app = typer.Typer(help="List topics, or follow one with its records decoded.", no_args_is_help=True)


@app.command("list")
def list_topics() -> None:
    """The table of topics: key, partitions, how long records are kept, who writes and reads."""
    from rich.console import Console
    from rich.table import Table

    from infra.settings import settings
    from streams.topics import HOUR_MS, TOPICS

    ours = settings()
    table = Table("topic", "key", "partitions", "kept", "public", "written by", "read by")
    for topic in TOPICS:
        kept = "compacted" if topic.retention_ms is None else f"{topic.retention_ms // HOUR_MS} h"
        table.add_row(
            topic.name(ours.venue),
            topic.key,
            str(topic.partitions(ours.account_partitions, ours.market_partitions)),
            kept,
            "yes" if topic.public else "",
            ", ".join(topic.writers),
            ", ".join(topic.readers),
        )
    Console().print(table)


@app.command()
def tail(
    topic: Annotated[str, typer.Argument(help="Its short name, such as trades.")],
    last: Annotated[
        int, typer.Option("--last", "-n", min=0, help="Begin so many records before the end.")
    ] = 10,
    follow: Annotated[bool, typer.Option(help="Go on with what arrives, until Ctrl-C.")] = True,
) -> None:
    """Print a topic's records, a JSON line each: place, time, key and the decoded value."""
    import asyncio

    from infra import installation
    from infra.cli.failures import told
    from infra.settings import settings
    from streams.topics import TOPICS

    known = {each.short: each for each in TOPICS}
    if topic not in known:
        raise typer.BadParameter(f"no topic {topic!r}; there are {', '.join(known)}")
    with told():
        found: Settings = installation.find(settings()).settings
        if found.kafka is None:
            raise installation.NotRunningError("no broker: set KAFKA, or run velocity up")
        from infra.tail import print_records

        asyncio.run(print_records(found, known[topic], last, follow=follow))
