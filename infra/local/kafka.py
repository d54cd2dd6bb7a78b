"""The local stack's broker: Apache Kafka, one node that is its own controller (KRaft)."""

from __future__ import annotations

import asyncio
import base64
import os
import subprocess
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from infra.local import secured
from infra.local.node import JVM_ENV, Node
from infra.local.secured import Login
from infra.ports import HOST, free_port, host_and_port, is_open
from infra.processes import StartError, write_secret
from infra.settings import KAFKA_MECHANISM, Settings

FORMAT_LIMIT_S = 60.0
ASK_LIMIT_MS = 5_000

# The cleaner's buffers and the indexes are allocated ahead and made for terabytes by default;
# background work that a single idle node does not need is off or rare. A killed broker is let in
# again only when its last session has run out, so that is short.
PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@{host}:{controller_port}
listeners={listener}://{host}:{port},CONTROLLER://{host}:{controller_port}
controller.listener.names=CONTROLLER
inter.broker.listener.name={listener}
log.dirs={data}

auto.create.topics.enable=false
message.max.bytes=4194304
replica.fetch.max.bytes=4194304
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
broker.session.timeout.ms=4000
broker.heartbeat.interval.ms=1000

num.network.threads=1
num.io.threads=1
background.threads=2
num.recovery.threads.per.data.dir=2
log.cleaner.dedupe.buffer.size=8388608
log.index.size.max.bytes=1048576
log.segment.bytes=134217728
metadata.log.max.idle.interval.ms=0
auto.leader.rebalance.enable=false
"""

LOGGING = """\
status = warn
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d{ISO8601} %p %c{1}: %m%n
rootLogger.level = warn
rootLogger.appenderRef.console.ref = console
logger.server.name = kafka.server.KafkaRaftServer
logger.server.level = info
logger.coordinator.name = org.apache.kafka.coordinator.group
logger.coordinator.level = info
"""

FLAGS = [
    "-Xms64m",
    "-Xmx320m",
    "-Xss512k",
    "-XX:+UseSerialGC",
    "-XX:MaxDirectMemorySize=64m",
    "-XX:ReservedCodeCacheSize=64m",
]


class Kafka(Node):
    """One broker. With a login it asks its clients who they are, and the login may do anything.

    Whether there is ever a login is decided when its data folder is made.
    """

    name = "kafka"
    usual_port = 9092
    ready_limit_s = 60.0

    def __init__(
        self, home: Path, cache: Path, login: Login | None = None, *, quick: bool = False
    ) -> None:
        super().__init__(home, cache, quick=quick)
        self.login = login
        self._knows_login = self.folder / "knows_login"

    def start(self) -> str:
        """As any node's. Raises `StartError` too where it has a login and its data knows none."""
        if self.login and self._is_formatted() and not self._knows_login.exists():
            raise StartError(self.name, "was set up to let everyone in, for good", self.log)
        return super().start()

    def configure(self, port: int) -> Sequence[str]:
        conf = self.folder / "conf"
        data = self.folder / "data"
        (conf / "log4j2.properties").write_text(LOGGING)
        properties = conf / "server.properties"
        text = PROPERTIES.format(
            host=HOST,
            port=port,
            controller_port=free_port(port + 1),
            data=data,
            listener="CLIENT" if self.login else "PLAINTEXT",
        )
        write_secret(properties, text + (secured.properties(self.login) if self.login else ""))
        if not self._is_formatted():
            self._knows_login.unlink(missing_ok=True)
            if self.login:
                self._knows_login.touch()
            self._format(str(properties))
        return [*FLAGS, "kafka.Kafka", str(properties)]

    def answers(self, address: str) -> bool:
        told = self.login.settings() if self.login else {}
        return answers(**Settings().model_copy(update={"kafka": address, **told}).kafka_client)

    def _is_formatted(self) -> bool:
        return (self.folder / "data" / "meta.properties").exists()

    def _format(self, properties: str) -> None:
        cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        tool = ["-Xmx64m", "-XX:+UseSerialGC", "kafka.tools.StorageTool"]
        arguments = ["format", f"--cluster-id={cluster}", "-c", properties]
        if self.login:
            known = f"[name={self.login.user},password={self.login.password}]"
            arguments += ["--add-scram", f"{KAFKA_MECHANISM}={known}"]
        command = self.command([*tool, *arguments])
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("a") as log:
            done = subprocess.run(
                command,
                stdout=log,
                stderr=log,
                env={**os.environ, **JVM_ENV},
                timeout=FORMAT_LIMIT_S,
                check=False,
            )
        if done.returncode != 0:
            raise StartError(self.name, "could not format its data folder", self.log)


def answers(bootstrap_servers: str, **security: Any) -> bool:
    """Whether a broker at `host:port[,host:port]` answers a request for the cluster's members.

    `security` is what else of `Settings.kafka_client` there is.
    """
    servers = map(host_and_port, bootstrap_servers.split(","))
    return any(is_open(port, host) for host, port in servers) and asyncio.run(
        _has_a_broker(bootstrap_servers, security)
    )


async def _has_a_broker(address: str, security: dict[str, Any]) -> bool:
    from aiokafka.admin import AIOKafkaAdminClient
    from aiokafka.errors import KafkaError

    admin = AIOKafkaAdminClient(
        bootstrap_servers=address, request_timeout_ms=ASK_LIMIT_MS, **security
    )
    try:
        await admin.start()
        return bool((await admin.describe_cluster())["brokers"])
    except (KafkaError, OSError):
        return False
    finally:
        await admin.close()
