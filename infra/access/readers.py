"""Readers: users of the broker who may read the public topics, and nothing else.

A reader has a password (SCRAM-SHA-512), may read each public topic, may have consumer groups whose
names begin with its own and a dot, and is held to quotas. The broker keeps all of it.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import for_code
from aiokafka.protocol.admin import CreateAclsRequest, DeleteAclsRequest

from infra.access.requests import ChangeCredentials, ChangeQuotas
from infra.settings import Settings
from streams.topics import TOPICS

REQUEST_LIMIT_MS = 30_000
ITERATIONS = 8_192
SALT_BYTES = 24
PASSWORD_BYTES = 24
NAME = re.compile(r"[a-z][a-z0-9-]{0,31}")

# The numbers of Kafka's protocol.
ANY = 1
TOPIC, GROUP = 2, 3
LITERAL, PREFIXED = 3, 4
READ = 3
ALLOW = 3


class ReaderError(ValueError):
    """A name that no reader can have, or the broker's word that it won't."""


class Quota(msgspec.Struct, frozen=True):
    """What a reader may take: bytes a second from each broker, and of a broker's request threads'
    time, in percent.
    """

    consumer_byte_rate: float = 8 * 1024 * 1024
    request_percentage: float = 50.0


DEFAULT_QUOTA = Quota()


async def grant(settings: Settings, name: str, quota: Quota = DEFAULT_QUOTA) -> str:
    """Let somebody in, or give them a new password, which is returned and kept nowhere.

    Raises `ReaderError`, `KafkaError`.
    """
    _check(settings, name)
    password = secrets.token_urlsafe(PASSWORD_BYTES)
    async with _admin(settings) as admin:
        # What may be read, and how much, before anybody can come in.
        for acl in _acls(settings, name):
            _raise(await admin._send_to_controller(acl))
        quotas = msgspec.structs.asdict(quota)
        _raise(await admin._send_to_controller(ChangeQuotas(name, quotas)))
        _raise(await admin._send_to_controller(_password(name, password)))
    return password


async def revoke(settings: Settings, name: str) -> None:
    """Let somebody in no more; what connections they have may read nothing more.

    They get a password that nobody knows. To take theirs away would take everybody's: after that,
    Apache Kafka 4.1.0 knows no user any more once it is restarted. Raises `ReaderError`,
    `KafkaError`.
    """
    _check(settings, name)
    everything = DeleteAclsRequest(ANY, None, ANY, f"User:{name}", None, ANY, ANY)
    async with _admin(settings) as admin:
        _raise(await admin._send_to_controller(everything))
        unknown = secrets.token_urlsafe(PASSWORD_BYTES)
        _raise(await admin._send_to_controller(_password(name, unknown)))
        nothing = dict.fromkeys(Quota.__struct_fields__)
        _raise(await admin._send_to_controller(ChangeQuotas(name, nothing)))


def _acls(settings: Settings, name: str) -> Iterator[CreateAclsRequest]:
    who = f"User:{name}"
    for topic in TOPICS:
        if topic.public:
            place = topic.name(settings.venue)
            yield CreateAclsRequest(TOPIC, place, LITERAL, who, "*", READ, ALLOW)
    yield CreateAclsRequest(GROUP, f"{name}.", PREFIXED, who, "*", READ, ALLOW)


def _password(name: str, password: str) -> ChangeCredentials:
    salt = secrets.token_bytes(SALT_BYTES)
    salted = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, ITERATIONS)
    return ChangeCredentials(name, ITERATIONS, salt, salted)


def _check(settings: Settings, name: str) -> None:
    if not NAME.fullmatch(name):
        raise ReaderError(f"no name for a reader: {name!r}; small letters, digits and hyphens")
    if name == settings.kafka_user:
        raise ReaderError(f"{name} is who the services are")


def _raise(response: Any) -> None:
    """Every one of the answers here is a list of results behind the throttle time."""
    _, results, *_ = response.to_object().values()
    for result in results:
        code, *_ = [result[each] for each in ("code", "error_code") if each in result]
        if code:
            text = result.get("message") or result.get("error_message")
            raise ReaderError(f"the broker refuses: {for_code(code).__name__}: {text}")


@asynccontextmanager
async def _admin(settings: Settings) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(**settings.kafka_client, request_timeout_ms=REQUEST_LIMIT_MS)
    try:
        await admin.start()
        yield admin
    finally:
        await admin.close()
