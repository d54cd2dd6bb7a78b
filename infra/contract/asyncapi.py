"""The AsyncAPI 3 document of the public topics, with Kafka bindings.

It describes the application that publishes them, so its operations send. What depends on an
installation, as the number of partitions, is given as by default, and said so.
"""

from __future__ import annotations

from typing import Any

import msgspec

from infra.contract.meanings import GUARANTEES, MESSAGES, SOURCES, SUMMARIES
from infra.contract.schemas import message_schema
from infra.settings import Settings
from streams.topics import Topic

Json = dict[str, Any]

BINDING = "0.5.0"
VERSION = "1.0.0"
"""The contract's: the first number is the topics', the others count what was added."""

DESCRIPTION = """\
What an exchange of this kind publishes to other teams, on Kafka: trades, books, candles, markets.
docs/topics.md says how to read it: order, duplicates, how to rebuild a book, what may change."""


def document() -> Json:
    """The whole of it."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Velocity: public topics",
            "version": VERSION,
            "description": DESCRIPTION,
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": {
            "kafka": {
                "host": "{bootstrap}",
                "protocol": "kafka-secure",
                "description": "SASL/SCRAM over TLS; docs/access.md.",
                "variables": {"bootstrap": {"default": "localhost:19092"}},
                "security": [{"$ref": "#/components/securitySchemes/scram"}],
            }
        },
        "channels": {topic.short: _channel(topic) for topic in MESSAGES},
        "operations": {f"publish-{topic.short}": _operation(topic) for topic in MESSAGES},
        "components": {
            "securitySchemes": {"scram": {"type": "scramSha512"}},
            "messages": {
                message.__name__: _message(topic, message) for topic, message in MESSAGES.items()
            },
            "schemas": {message.__name__: message_schema(message) for message in MESSAGES.values()},
        },
    }


def _channel(topic: Topic) -> Json:
    defaults = Settings.model_fields
    kept: Json = {"cleanup.policy": ["compact" if topic.compacted else "delete"]}
    if topic.retention_ms is not None:
        kept["retention.ms"] = topic.retention_ms
    return {
        "address": f"{{venue}}.{topic.short}.v{topic.version}",
        "title": topic.short,
        "description": f"{SUMMARIES[topic]} For one market: {GUARANTEES[topic]}.",
        "parameters": {
            "venue": {
                "description": "The installation's name.",
                "default": defaults["venue"].default,
            }
        },
        "messages": {
            MESSAGES[topic].__name__: {"$ref": f"#/components/messages/{MESSAGES[topic].__name__}"}
        },
        "bindings": {
            "kafka": {
                "topic": topic.name(defaults["venue"].default),
                "partitions": topic.partitions(
                    defaults["account_partitions"].default, defaults["market_partitions"].default
                ),
                "replicas": defaults["replication"].default,
                "topicConfiguration": kept,
                "bindingVersion": BINDING,
            }
        },
    }


def _operation(topic: Topic) -> Json:
    return {
        "action": "send",
        "channel": {"$ref": f"#/channels/{topic.short}"},
        "summary": SUMMARIES[topic],
    }


def _message(topic: Topic, message: type[msgspec.Struct]) -> Json:
    return {
        "name": message.__name__,
        "title": message.__name__,
        "summary": SUMMARIES[topic],
        "contentType": topic.content_type,
        "headers": _headers(topic),
        "payload": {"$ref": f"#/components/schemas/{message.__name__}"},
        "bindings": {
            "kafka": {
                "key": {"type": "string", "description": "The market's symbol."},
                "bindingVersion": BINDING,
            }
        },
    }


def _headers(topic: Topic) -> Json:
    """CloudEvents 1.0, the binary mode of its Kafka binding."""
    sources = " or ".join(f"`/{{venue}}/markets/{source}`" for source in SOURCES[topic])
    properties = {
        "ce_specversion": {"type": "string", "const": "1.0"},
        "ce_id": {
            "type": "string",
            "pattern": "^.+:[0-9]+$",
            "description": "`{market}:{seq}`. With `ce_source` it names the event.",
        },
        "ce_source": {"type": "string", "description": f"{sources}."},
        "ce_type": {"type": "string", "description": "The topic's name on the broker."},
        "content-type": {"type": "string", "const": topic.content_type},
    }
    return {"type": "object", "properties": properties, "required": list(properties)}
