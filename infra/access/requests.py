"""Requests of Kafka's protocol that aiokafka (0.14) lacks: credentials and quotas.

As in the protocol guide of Apache Kafka: AlterUserScramCredentials (KIP-554), AlterClientQuotas
(KIP-546).
"""

from __future__ import annotations

from typing import Any

from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import (
    Array,
    Boolean,
    CompactArray,
    CompactBytes,
    CompactString,
    Float64,
    Int8,
    Int16,
    Int32,
    Schema,
    String,
    TaggedFields,
)

TEXT = String("utf-8")
COMPACT = CompactString("utf-8")
TAGS = ("tags", TaggedFields)
NO_TAGS: dict[int, bytes] = {}

SHA_512 = 2
"""SCRAM-SHA-512, as credentials name it."""


class CredentialsChanged(Response):  # type: ignore[misc]
    API_KEY, API_VERSION = 51, 0
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "results",
            CompactArray(("user", COMPACT), ("code", Int16), ("message", COMPACT), TAGS),
        ),
        TAGS,
    )


class _ChangeCredentials(RequestStruct):  # type: ignore[misc]
    FLEXIBLE_VERSION = True
    API_KEY, API_VERSION = 51, 0
    RESPONSE_TYPE = CredentialsChanged
    SCHEMA = Schema(
        ("deletions", CompactArray(("user", COMPACT), ("mechanism", Int8), TAGS)),
        (
            "upsertions",
            CompactArray(
                ("user", COMPACT),
                ("mechanism", Int8),
                ("iterations", Int32),
                ("salt", CompactBytes),
                ("salted_password", CompactBytes),
                TAGS,
            ),
        ),
        TAGS,
    )


class ChangeCredentials(Request[_ChangeCredentials]):  # type: ignore[misc]
    """Set a user's password, salted and hashed as RFC 5802 says."""

    API_KEY = 51

    def __init__(self, user: str, iterations: int, salt: bytes, salted: bytes) -> None:
        self._new = (user, SHA_512, iterations, salt, salted, NO_TAGS)

    def build(self, struct: Any) -> Any:
        return struct([], [self._new], NO_TAGS)


class QuotasChanged(Response):  # type: ignore[misc]
    API_KEY, API_VERSION = 49, 0
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "entries",
            Array(
                ("code", Int16),
                ("message", TEXT),
                ("entity", Array(("kind", TEXT), ("name", TEXT))),
            ),
        ),
    )


class _ChangeQuotas(RequestStruct):  # type: ignore[misc]
    API_KEY, API_VERSION = 49, 0
    RESPONSE_TYPE = QuotasChanged
    SCHEMA = Schema(
        (
            "entries",
            Array(
                ("entity", Array(("kind", TEXT), ("name", TEXT))),
                ("changes", Array(("key", TEXT), ("value", Float64), ("remove", Boolean))),
            ),
        ),
        ("validate_only", Boolean),
    )


class ChangeQuotas(Request[_ChangeQuotas]):  # type: ignore[misc]
    """Set a user's quotas; None takes one away."""

    API_KEY = 49

    def __init__(self, user: str, quotas: dict[str, float | None]) -> None:
        changes = [(name, value or 0.0, value is None) for name, value in quotas.items()]
        self._entry = ([("user", user)], changes)

    def build(self, struct: Any) -> Any:
        return struct([self._entry], False)
