"""JSON Schema of the public messages.

Draft 7, as AsyncAPI's own schema objects are a superset of it and most code generators know it;
msgspec speaks 2020-12, which says an array's items another way.
"""

from __future__ import annotations

from typing import Any

import msgspec

from infra.contract.meanings import FIELDS, MESSAGES, NOT_DECIMAL
from streams.topics import Topic

Json = dict[str, Any]

DRAFT = "http://json-schema.org/draft-07/schema#"
DECIMAL = {"type": "string", "pattern": r"^[0-9]+\.[0-9]{8}$"}
"""An amount. Every asset has eight decimals, and all of them are written (decision 2)."""


class Undescribed(LookupError):
    """A field of a public message says nothing of what it means: `meanings` lacks it."""


def message_schema(message: type[msgspec.Struct]) -> Json:
    """What a message of this type is, complete in itself.

    Further fields are allowed, as later messages may have them. Raises `Undescribed`.
    """
    _, components = msgspec.json.schema_components([message], ref_template="{name}")
    own = components.pop(message.__name__)
    meanings = FIELDS[message]
    properties: Json = {}
    for field in own["properties"]:
        if field not in meanings:
            raise Undescribed(f"{message.__name__}.{field}")
        schema = _draft_7(own["properties"][field], components)
        if schema == {"type": "string"} and field not in NOT_DECIMAL:
            schema = dict(DECIMAL)
        properties[field] = schema | {"description": meanings[field]}
    return {
        "title": message.__name__,
        "type": "object",
        "properties": properties,
        "required": own["required"],
    }


def schema_file(topic: Topic) -> Json:
    """The published file of a topic's message."""
    return {
        "$schema": DRAFT,
        "$id": f"urn:velocity:{topic.short}:v{topic.version}",
        **message_schema(MESSAGES[topic]),
    }


def _draft_7(schema: Json, components: Json) -> Json:
    """The schema with what it refers to in place, and tuples as draft 7 writes them."""
    if "$ref" in schema:
        return _draft_7(components[schema["$ref"]], components)
    if "prefixItems" in schema:
        items = [_item(each, components) for each in schema["prefixItems"]]
        count = len(items)
        return {"type": "array", "items": items, "minItems": count, "maxItems": count}
    if "items" in schema:
        return {**schema, "items": _draft_7(schema["items"], components)}
    if "enum" in schema:
        return {"type": "string", "enum": schema["enum"]}
    return dict(schema)


def _item(schema: Json, components: Json) -> Json:
    """Text within a tuple of a public message is a price or a quantity."""
    found = _draft_7(schema, components)
    return dict(DECIMAL) if found == {"type": "string"} else found
