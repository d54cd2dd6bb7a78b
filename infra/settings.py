"""Settings of every service, read from the environment (`VELOCITY_*`) and nowhere else."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from ssl import create_default_context
from typing import Any

from pydantic import AliasChoices, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

KAFKA_MECHANISM = "SCRAM-SHA-512"


class Settings(BaseSettings):
    """What a service must be told. Every field has a default that suits one machine."""

    model_config = SettingsConfigDict(env_prefix="VELOCITY_", extra="ignore", frozen=True)

    home: Path = Field(
        default_factory=lambda: Path.home() / ".velocity",
        description="The one folder that holds state and logs of a local installation.",
    )
    cache: Path = Field(
        default_factory=lambda: Path.home() / ".cache" / "velocity",
        description="Downloaded jars; shared by every VELOCITY_HOME of a user.",
    )
    kafka: str | None = Field(
        default=None,
        validation_alias=AliasChoices("VELOCITY_KAFKA", "KAFKA"),
        description="Bootstrap servers, `host:port[,host:port]`; wins over what `up` starts.",
    )
    kafka_user: str = Field(
        default="",
        description="Who the services are to the broker, by SASL/SCRAM-SHA-512; empty where it does"
        " not ask.",
    )
    kafka_password: SecretStr | None = Field(default=None, description="The password of that user.")
    kafka_ca: Path | None = Field(
        default=None,
        description="The certificates, PEM, that the broker's is checked against; without them the"
        " connection is not encrypted.",
    )
    kafka_auth: bool = Field(
        default=False,
        description="Whether the broker that `velocity up` starts asks its clients who they are.",
    )
    quick_servers: bool = Field(
        default=False,
        description="Whether servers that are started here live for minutes, not hours: compiled"
        " once, quickly (decision 18).",
    )
    cql: str | None = Field(
        default=None,
        validation_alias=AliasChoices("VELOCITY_CQL", "CQL"),
        description="A CQL contact point, `host:port`. Wins over what `velocity up` starts.",
    )
    venue: str = Field(
        default="velocity",
        pattern=r"^[a-z][a-z0-9_]{0,31}$",
        description="Prefix of topic names and name of the keyspace: venues can share a cluster.",
    )
    account_partitions: int = Field(
        default=2, ge=1, le=32, description="Partitions of `commands`, `updates`; fixed for life."
    )
    market_partitions: int = Field(
        default=8, ge=1, le=256, description="Partitions of `orders`, `trades`…; fixed for life."
    )
    replication: int = Field(default=1, ge=1, le=5, description="Replicas of each topic and row.")
    host: str = Field(default="127.0.0.1", description="Address that api and ws listen on.")
    api_port: int = Field(default=8080, ge=0, le=65535)
    ws_port: int = Field(default=8081, ge=0, le=65535)
    health_port: int = Field(
        default=0,
        ge=0,
        le=65535,
        description="Where a service without a door of its own answers GET /ready; 0 is off.",
    )
    admin_key: SecretStr | None = Field(
        default=None, description="Key of the administration routes; without it they are closed."
    )
    secret_keys: SecretStr | None = Field(
        default=None,
        description="Keys of 32 bytes in base64, by comma: the first seals secrets in the database"
        " and signs sessions, the others still open what they sealed. Without one there are no"
        " sessions, and no new HMAC keys.",
    )
    registration: bool = Field(
        default=True, description="Whether anybody may open an account with an e-mail address."
    )
    proxies: str = Field(
        default="",
        description="Addresses and networks, by comma, of proxies whose X-Forwarded-For is"
        " believed. Limits and allow-lists go by the client's address.",
    )
    header_bytes: int = Field(
        default=16_384,
        ge=1_024,
        le=1_048_576,
        description="Size of a request's head at the api: its line and all its headers.",
    )
    header_s: float = Field(
        default=10.0,
        gt=0.0,
        le=300.0,
        description="Seconds that a request's head may take, from the connection's beginning on.",
    )
    body_s: float = Field(
        default=5.0, gt=0.0, le=300.0, description="Seconds that a request's body may take."
    )
    idle_s: int = Field(
        default=75,
        ge=1,
        le=3_600,
        description="Seconds after which a connection without a request is closed.",
    )
    connections: int = Field(
        default=5_000, ge=0, description="HTTP connections to an api at once; 0 is no limit."
    )
    connections_per_address: int = Field(
        default=1_000,
        ge=0,
        description="HTTP connections to an api from one address at once; 0 is no limit.",
    )
    stream_connections_5m: int = Field(
        default=300,
        ge=0,
        description="Connections that the door of streams takes from one address in five minutes;"
        " 0 is no limit.",
    )
    request_weight: int = Field(
        default=6_000,
        ge=0,
        description="Request weight a minute for an address, and for an API key; 0 is no limit.",
    )
    orders_10s: int = Field(
        default=100,
        ge=0,
        le=1_000_000,
        description="Unfilled orders an account may place in ten seconds; 0 is no limit.",
    )
    orders_1d: int = Field(
        default=200_000,
        ge=0,
        le=1_000_000_000,
        description="Unfilled orders an account may place in a day; 0 is no limit.",
    )
    checkpoint_records: int = Field(
        default=20_000, ge=1, description="Records a machine takes between two checkpoints."
    )
    checkpoint_outputs: int = Field(
        default=50_000,
        ge=1,
        description="Outputs after which a machine's checkpoint is due, however few its records:"
        " they are what a recovery must make and read again. More where the state is large.",
    )
    from_scratch: bool = Field(
        default=False,
        description="Start workers by a replay of the last 24 hours, not by newer checkpoints.",
    )
    session_s: float = Field(
        default=10.0,
        ge=6.0,
        le=300.0,
        description="A worker that is not heard of for so many seconds loses its partitions.",
    )
    worker: str = Field(
        default="0",
        pattern=r"^[A-Za-z0-9_-]{1,32}$",
        description="Name of this worker's slot within its role: its static group membership.",
    )
    log_level: str = Field(default="INFO", pattern=r"^(DEBUG|INFO|WARNING|ERROR)$")

    @property
    def broker(self) -> str:
        """The bootstrap servers. Raises `RuntimeError` when none are known."""
        if self.kafka is None:
            raise RuntimeError("no broker: set KAFKA=host:port, or start one with `velocity up`")
        return self.kafka

    @property
    def kafka_client(self) -> dict[str, Any]:
        """What every client of the broker is made with: where it is, and who asks.

        Raises `RuntimeError` when no broker is known, `OSError` without the file of `kafka_ca`.
        """
        context = None if self.kafka_ca is None else create_default_context(cafile=self.kafka_ca)
        encrypted = "SSL" if context else "PLAINTEXT"
        options: dict[str, Any] = {"bootstrap_servers": self.broker, "ssl_context": context}
        if not self.kafka_user:
            return options | {"security_protocol": encrypted}
        password = self.kafka_password or SecretStr("")
        return options | {
            "security_protocol": f"SASL_{encrypted}",
            "sasl_mechanism": KAFKA_MECHANISM,
            "sasl_plain_username": self.kafka_user,
            "sasl_plain_password": password.get_secret_value(),
        }


UNLIMITED: dict[str, object] = {
    "request_weight": 0,
    "orders_10s": 0,
    "orders_1d": 0,
    "connections": 0,
    "connections_per_address": 0,
    "stream_connections_5m": 0,
}
"""What benches, demonstrations and tests change: they ask more of a venue than a client may."""


@cache
def settings() -> Settings:
    """The process's settings, read once."""
    return Settings()
