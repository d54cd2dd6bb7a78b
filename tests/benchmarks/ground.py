"""What benches run on: servers or a whole exchange of their own, gone at the end of the block."""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from infra.bring_up import bring_up, create_topics_and_tables, take_down
from infra.installation import Installation
from infra.settings import UNLIMITED, Settings
from tests.benchmarks.registry import Say
from tests.servers import broker_and_database


@contextmanager
def servers(say: Say, *, quick: bool = False, **changes: object) -> Iterator[Settings]:
    """A broker and a database with the topics and tables of a new venue; no service runs.

    Quick ones for who takes figures in their first minute (decision 18). Those of KAFKA and CQL if
    they are named. Settings are the environment's, but for `changes`.
    """
    with tempfile.TemporaryDirectory(prefix="velocity-bench-") as folder:
        home = Path(folder)
        say("starting a broker and a database")
        with broker_and_database(home, quick=quick) as addresses:
            settings = _alone(home, kafka=addresses.kafka, cql=addresses.cql, **changes)
            create_topics_and_tables(settings)
            yield settings


@contextmanager
def exchange(say: Say, *, quick: bool = False, **changes: object) -> Iterator[Installation]:
    """A whole exchange of a new venue: every service is ready. Its servers are as `servers`'s."""
    with (
        tempfile.TemporaryDirectory(prefix="velocity-bench-") as folder,
        broker_and_database(Path(folder, "servers"), quick=quick) as addresses,
    ):
        say("starting the exchange")
        settings = _alone(
            Path(folder, "services"), kafka=addresses.kafka, cql=addresses.cql, **changes
        )
        try:
            yield bring_up(settings, lambda *_: None)
        finally:
            for _ in take_down(settings):
                pass


def _alone(home: Path, **changes: object) -> Settings:
    venue = f"bench_{secrets.token_hex(3)}"
    # Ports of their own: the usual ones may be somebody else's.
    ours = {"home": home, "venue": venue, "api_port": 0, "ws_port": 0}
    return Settings().model_copy(update={**UNLIMITED, **ours, **changes})
