"""A broker and a database on this machine, without Docker: two JVM processes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec

from infra.local.cassandra import Cassandra
from infra.local.kafka import Kafka
from infra.local.node import Node
from infra.local.secured import Login
from infra.processes import Records

LOCK_LIMIT_S = 180.0


class Addresses(msgspec.Struct, frozen=True):
    """Where a broker and a database are, each as `host:port`; whether that broker is of the home
    and asks who its clients are.
    """

    kafka: str
    cql: str
    kafka_auth: bool = False


class LocalStack:
    """Kafka and Cassandra with their data under one home; the jars are shared by all homes.

    With a login, Kafka asks its clients who they are. A quick stack is one for minutes, not hours.
    """

    def __init__(
        self, home: Path, cache: Path, login: Login | None = None, *, quick: bool = False
    ) -> None:
        # Nodes work in folders of their own: what they are told must not depend on ours.
        home, cache = home.absolute(), cache.absolute()
        self.kafka = Kafka(home, cache, login, quick=quick)
        self.cassandra = Cassandra(home, cache, quick=quick)
        self._records = Records(home)

    def install(self, kafka: str | None = None, cql: str | None = None) -> None:
        """Fetch what `start` with the same arguments needs. Raises `DownloadError`."""
        with self._records.exclusive("nodes", LOCK_LIMIT_S):
            for given, node in ((kafka, self.kafka), (cql, self.cassandra)):
                if given is None:
                    node.install()

    def start(self, kafka: str | None = None, cql: str | None = None) -> Addresses:
        """Start whichever node does not run, and return when both answer.

        An address that is given is taken as it is, and its node left alone. Raises `StartError`
        with the end of the log of the node that failed, `DownloadError`, or `TimeoutError` if
        another command holds the home.
        """
        self.install(kafka, cql)
        with self._records.exclusive("nodes", LOCK_LIMIT_S), ThreadPoolExecutor(2) as threads:
            broker = threads.submit(_address, kafka, self.kafka)
            database = threads.submit(_address, cql, self.cassandra)
            asks = kafka is None and self.kafka.login is not None
            return Addresses(broker.result(), database.result(), asks)

    def stop(self) -> list[str]:
        """Stop the nodes, and name those that ran."""
        with self._records.exclusive("nodes", LOCK_LIMIT_S), ThreadPoolExecutor(2) as threads:
            nodes = (self.kafka, self.cassandra)
            stopped = list(threads.map(lambda node: node.stop(), nodes))
        return [node.name for node, ran in zip(nodes, stopped, strict=True) if ran]


def _address(given: str | None, node: Node) -> str:
    return given or node.start()
