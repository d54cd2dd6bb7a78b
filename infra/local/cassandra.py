"""The local stack's database: Apache Cassandra, one node."""

from __future__ import annotations

from collections.abc import Sequence

from infra.local.node import Node
from infra.ports import HOST, free_port, host_and_port, is_open

ASK_LIMIT_S = 5.0

# Limits on batches are those of Scylla, so that what works on one works on the other.
YAML = """\
cluster_name: velocity
num_tokens: 1
partitioner: org.apache.cassandra.dht.Murmur3Partitioner
endpoint_snitch: SimpleSnitch
seed_provider:
  - class_name: org.apache.cassandra.locator.SimpleSeedProvider
    parameters: [{{seeds: "{host}:{storage_port}"}}]
listen_address: {host}
storage_port: {storage_port}
rpc_address: {host}
native_transport_port: {port}
data_file_directories: ["{data}/data"]
commitlog_directory: "{data}/commitlog"
saved_caches_directory: "{data}/saved_caches"
hints_directory: "{data}/hints"
cdc_raw_directory: "{data}/cdc"

# With `periodic`, a node that is killed forgets writes that it has acknowledged.
commitlog_sync: batch
commitlog_segment_size: 16MiB
commitlog_total_space: 256MiB
memtable_heap_space: 96MiB
memtable_offheap_space: 64MiB
memtable_flush_writers: 1
file_cache_size: 32MiB
networking_cache_size: 16MiB
key_cache_size: 8MiB
concurrent_reads: 8
concurrent_writes: 8
concurrent_counter_writes: 2
concurrent_compactors: 1
native_transport_max_threads: 16
hinted_handoff_enabled: false
auto_snapshot: false
read_request_timeout: 10000ms
range_request_timeout: 20000ms
write_request_timeout: 10000ms
batch_size_warn_threshold: 128KiB
batch_size_fail_threshold: 1024KiB
unlogged_batch_across_partitions_warn_threshold: 100
"""

LOGGING = """\
<configuration>
  <appender name="console" class="ch.qos.logback.core.ConsoleAppender">
    <encoder><pattern>%date %level %logger{0}: %msg%n</pattern></encoder>
  </appender>
  <root level="WARN"><appender-ref ref="console"/></root>
  <logger name="org.apache.cassandra.transport.Server" level="INFO"/>
  <logger name="org.apache.cassandra.service.StartupChecks" level="ERROR"/>
  <logger name="com.github.jnr" level="ERROR"/>
</configuration>
"""

FLAGS = [
    "-Xms256m",
    "-Xmx768m",
    "-Xss512k",
    "-XX:+UseSerialGC",
    "-XX:MaxDirectMemorySize=192m",
    "-XX:ReservedCodeCacheSize=96m",
    # What is written is the kernel's when it is acknowledged, as Kafka's is: a kill takes nothing
    # from it, and nobody waits for the disk (decision 36).
    "-Dcassandra.skip_sync=true",
    # A single node has nobody to gossip with: these take its start from 40 s to 7 s.
    "-Dcassandra.ring_delay_ms=0",
    "-Dcassandra.skip_wait_for_gossip_to_settle=0",
    "-Dcassandra.superuser_setup_delay_ms=0",
    "-Dcassandra.load_ring_state=false",
    "-Dcassandra.initial_token=0",
    "-Djdk.attach.allowAttachSelf=true",
    "-Dio.netty.tryReflectionSetAccessible=true",
]

# What Cassandra's own start script opens of the Java runtime (its conf/jvm17-server.options).
EXPORTS = [
    "java.base/jdk.internal.misc",
    "java.base/jdk.internal.ref",
    "java.base/sun.nio.ch",
    "java.management.rmi/com.sun.jmx.remote.internal.rmi",
    "java.rmi/sun.rmi.registry",
    "java.rmi/sun.rmi.server",
    "java.rmi/sun.rmi.transport.tcp",
    "java.sql/java.sql",
    "jdk.unsupported/sun.misc",
]
OPENS = [
    "java.base/java.io",
    "java.base/java.lang",
    "java.base/java.lang.module",
    "java.base/java.lang.reflect",
    "java.base/java.net",
    "java.base/java.nio",
    "java.base/java.util",
    "java.base/java.util.concurrent",
    "java.base/java.util.concurrent.atomic",
    "java.base/jdk.internal.loader",
    "java.base/jdk.internal.math",
    "java.base/jdk.internal.module",
    "java.base/jdk.internal.ref",
    "java.base/jdk.internal.reflect",
    "java.base/jdk.internal.util.jar",
    "java.base/sun.nio.ch",
    "jdk.management/com.sun.management.internal",
]


class Cassandra(Node):
    """One node of a ring of one."""

    name = "cassandra"
    usual_port = 9042
    ready_limit_s = 120.0
    behind = True

    def configure(self, port: int) -> Sequence[str]:
        conf = self.folder / "conf"
        data = self.folder / "data"
        config = conf / "cassandra.yaml"
        config.write_text(
            YAML.format(host=HOST, port=port, storage_port=free_port(port + 1), data=data)
        )
        (conf / "logback.xml").write_text(LOGGING)
        return [
            *FLAGS,
            *(f"--add-exports={package}=ALL-UNNAMED" for package in EXPORTS),
            *(f"--add-opens={package}=ALL-UNNAMED" for package in OPENS),
            f"-Dcassandra.storagedir={data}",
            f"-Dcassandra.config={config.as_uri()}",
            "org.apache.cassandra.service.CassandraDaemon",
        ]

    def answers(self, address: str) -> bool:
        return answers(address)


def answers(address: str) -> bool:
    """Whether a CQL database at `host:port` answers a query."""
    host, port = host_and_port(address)
    return is_open(port, host) and _has_a_release(host, port)


def _has_a_release(host: str, port: int) -> bool:
    from cassandra import DriverException, OperationTimedOut
    from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile, NoHostAvailable
    from cassandra.policies import WhiteListRoundRobinPolicy

    profile = ExecutionProfile(load_balancing_policy=WhiteListRoundRobinPolicy([host]))
    cluster = Cluster(
        [host],
        port=port,
        connect_timeout=ASK_LIMIT_S,
        execution_profiles={EXEC_PROFILE_DEFAULT: profile},
    )
    try:
        session = cluster.connect()
        query = "SELECT release_version FROM system.local"
        return session.execute(query, timeout=ASK_LIMIT_S).one() is not None
    except (NoHostAvailable, OperationTimedOut, DriverException):
        return False
    finally:
        cluster.shutdown()
