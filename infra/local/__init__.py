"""The local stack: a Kafka broker and a CQL database as two JVM processes, without Docker.

Read `stack`, then `node` and its two kinds, `kafka` and `cassandra`. `download` brings what they
run on, by the checksums in `jars.lock`, which `jars` makes. `secured` is for a broker that asks its
clients who they are. Imports nothing outside `infra`.
"""

from infra.local.download import DownloadError
from infra.local.secured import Login
from infra.local.stack import Addresses, LocalStack

__all__ = ["Addresses", "DownloadError", "LocalStack", "Login"]
