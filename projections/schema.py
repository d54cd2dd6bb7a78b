"""Creates a venue's keyspace and tables, as the `.cql` files in `schema/` say."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from infra.settings import Settings
from projections.session import PASSING, DatabaseUnavailable, open_cluster

FOLDER = Path(__file__).with_name("schema")
CHANGE_LIMIT_S = 60.0

_TABLE = re.compile(r"CREATE TABLE IF NOT EXISTS (\w+)")
_KEY = re.compile(r"PRIMARY KEY \((.*)\)")
_KEYS = (
    "SELECT table_name, column_name, kind, position FROM system_schema.columns"
    " WHERE keyspace_name = %s"
)


class OtherTables(RuntimeError):
    """The venue has tables of another version, in which rows lie otherwise."""


def create(settings: Settings) -> None:
    """Create what is missing of the venue's keyspace and tables.

    Raises `DatabaseUnavailable`, `OtherTables`. Not for two processes at once: changes of the
    schema are not ordered among those who ask for them.
    """
    with _connected(settings) as session:
        datacenter = session.execute("SELECT data_center FROM system.local").one()[0]
        session.execute(
            f'CREATE KEYSPACE IF NOT EXISTS "{settings.venue}" WITH replication ='
            f" {{'class': 'NetworkTopologyStrategy', '{datacenter}': {settings.replication}}}",
            timeout=CHANGE_LIMIT_S,
        )
        session.set_keyspace(settings.venue)
        for statement in statements():
            session.execute(statement, timeout=CHANGE_LIMIT_S)
        _check_keys(session, settings.venue)


def drop(settings: Settings) -> None:
    """Delete the venue's keyspace with all that is in it. Raises `DatabaseUnavailable`."""
    with _connected(settings) as session:
        session.execute(f'DROP KEYSPACE IF EXISTS "{settings.venue}"', timeout=CHANGE_LIMIT_S)


def statements() -> Iterator[str]:
    """The statements of the `.cql` files, without their comments."""
    for path in sorted(FOLDER.glob("*.cql")):
        lines = path.read_text("utf-8").splitlines()
        text = "\n".join(line for line in lines if not line.lstrip().startswith("--"))
        yield from filter(None, (statement.strip() for statement in text.split(";")))


def _check_keys(session: Any, venue: str) -> None:
    """A table that was there already is left as it is; rows would not find their place in it."""
    # The columns of the partition come first, in their order, then those of the row.
    found: defaultdict[str, list[tuple[bool, int, str]]] = defaultdict(list)
    for table, column, kind, position in session.execute(_KEYS, (venue,)):
        if kind in ("partition_key", "clustering"):
            found[table].append((kind == "clustering", position, column))
    for statement in statements():
        name, key = _TABLE.search(statement), _KEY.search(statement)
        if name and key:
            wanted = re.findall(r"\w+", key[1])
            there = [column for _, _, column in sorted(found[name[1]])]
            if there != wanted:
                raise OtherTables(
                    f"the table {name[1]} of {venue} is another version's, with the key"
                    f" ({', '.join(there)}): start a new venue, or drop its keyspace"
                )


@contextmanager
def _connected(settings: Settings) -> Iterator[Any]:
    cluster = open_cluster(settings)
    try:
        yield cluster.connect()
    except PASSING as error:
        raise DatabaseUnavailable(f"{settings.cql}: {error}") from error
    finally:
        cluster.shutdown()
