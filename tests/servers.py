"""Where tests get their broker and database from."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from infra.local import Addresses, LocalStack
from infra.settings import Settings

REDPANDA = "docker.redpanda.com/redpandadata/redpanda:v25.3.6"
SCYLLA = "scylladb/scylla:2025.4.1"
SCYLLA_COMMAND = (
    "--smp 1 --memory 750M --overprovisioned 1 --developer-mode 1 "
    "--skip-wait-for-gossip-to-settle 0 --reactor-backend=epoll"
)
CONTAINER_LIMIT_S = 120
DOCKER_SOCKET = "unix:///var/run/docker.sock"


@contextmanager
def broker_and_database(home: Path, *, quick: bool | None = None) -> Iterator[Addresses]:
    """A broker and a database until the end of the block; quick ones as the settings say, or this.

    Those of the environment (KAFKA, CQL) if it names them; else containers if a Docker engine
    answers; else a local stack in the given home, beside any that already runs.
    """
    settings = Settings()
    if settings.kafka and settings.cql:
        yield Addresses(settings.kafka, settings.cql)
    elif docker_answers():
        with _containers(settings) as addresses:
            yield addresses
    else:
        quick = settings.quick_servers if quick is None else quick
        stack = LocalStack(home, settings.cache, quick=quick)
        try:
            yield stack.start(settings.kafka, settings.cql)
        finally:
            stack.stop()


def docker_answers() -> bool:
    """Whether there is a Docker engine to run containers on."""
    if not _somebody_listens(os.environ.get("DOCKER_HOST", DOCKER_SOCKET)):
        return False
    import docker
    from docker.errors import DockerException

    try:
        client = docker.from_env(timeout=5)
    except DockerException:
        return False
    try:
        return bool(client.ping())
    except DockerException:
        return False
    finally:
        client.close()


def _somebody_listens(url: str) -> bool:
    """Whether a connection is accepted. The client leaves its socket open where none is."""
    scheme, _, path = url.partition("://")
    if scheme != "unix":
        return True
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(path)
        except OSError:
            return False
        return True


@contextmanager
def _containers(settings: Settings) -> Iterator[Addresses]:
    with ExitStack() as stack:
        kafka = settings.kafka or _redpanda(stack)
        cql = settings.cql or _scylla(stack)
        yield Addresses(kafka, cql)


def _redpanda(stack: ExitStack) -> str:
    from testcontainers.community.kafka import RedpandaContainer

    container = RedpandaContainer(REDPANDA)
    stack.callback(container.stop)
    container.start(timeout=CONTAINER_LIMIT_S)
    container.exec("rpk cluster config set auto_create_topics_enabled false")
    return str(container.get_bootstrap_server())


def _scylla(stack: ExitStack) -> str:
    from testcontainers.community.scylla import ScyllaContainer

    container = ScyllaContainer(SCYLLA).with_command(SCYLLA_COMMAND)
    stack.callback(container.stop)
    container.start()
    return f"{container.get_container_host_ip()}:{container.get_exposed_port(9042)}"
