"""Whether who reads by one contract can read what is published by a later one.

The rule: within a version of a topic, fields and values of closed sets are added. Nothing is taken
away, means something else or is kept for less long.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Json = dict[str, Any]


def breaks(released: Json, today: Json) -> list[str]:
    """What of a released AsyncAPI document today's does not keep; empty where it keeps all."""
    found: list[str] = []
    for name, channel in released["channels"].items():
        if name not in today["channels"]:
            found.append(f"{name}: the topic is gone")
        else:
            found += _channel(name, channel, today["channels"][name])
    for name, message in released["components"]["messages"].items():
        ours = today["components"]["messages"].get(name)
        if ours is None:
            found.append(f"{name}: the message is gone")
            continue
        if ours["contentType"] != message["contentType"]:
            found.append(f"{name}: another content type")
        found += _schema(f"{name} headers", message["headers"], ours["headers"])
        if ours["bindings"]["kafka"]["key"]["type"] != message["bindings"]["kafka"]["key"]["type"]:
            found.append(f"{name}: another kind of key")
    for name, schema in released["components"]["schemas"].items():
        ours = today["components"]["schemas"].get(name)
        if ours is not None:
            found += _schema(name, schema, ours)
        else:
            found.append(f"{name}: the schema is gone")
    return found


def _channel(name: str, old: Json, new: Json) -> Iterator[str]:
    if new["address"] != old["address"]:
        yield f"{name}: the topic is {new['address']}, was {old['address']}"
    missing = set(old["messages"]) - set(new["messages"])
    if missing:
        yield f"{name}: carries no {', '.join(sorted(missing))} any more"
    was, now = (each["bindings"]["kafka"]["topicConfiguration"] for each in (old, new))
    if now["cleanup.policy"] != was["cleanup.policy"]:
        yield f"{name}: another cleanup policy"
    if now.get("retention.ms", float("inf")) < was.get("retention.ms", float("inf")):
        yield f"{name}: kept for less long"


def _schema(path: str, old: Json, new: Json) -> Iterator[str]:
    """Where a reader of `old` could meet what it does not know or miss what it counts on."""
    if new.get("type") != old.get("type"):
        yield f"{path}: is {new.get('type')}, was {old.get('type')}"
        return
    for constraint in ("pattern", "const", "minItems", "maxItems"):
        if new.get(constraint) != old.get(constraint):
            yield f"{path}: another {constraint}"
    if gone := set(old.get("enum", ())) - set(new.get("enum", ())):
        yield f"{path}: never {', '.join(sorted(gone))} any more"
    if "enum" in new and "enum" not in old:
        yield f"{path}: a closed set now"
    if gone := set(old.get("required", ())) - set(new.get("required", ())):
        yield f"{path}: {', '.join(sorted(gone))} may be missing"
    for field, schema in old.get("properties", {}).items():
        if field in new.get("properties", {}):
            yield from _schema(f"{path}.{field}", schema, new["properties"][field])
        else:
            yield f"{path}.{field}: removed"
    yield from _items(path, old.get("items"), new.get("items"))


def _items(
    path: str, old: Json | list[Json] | None, new: Json | list[Json] | None
) -> Iterator[str]:
    match old, new:
        case None, None:
            pass
        case dict(), dict():
            yield from _schema(f"{path}[]", old, new)
        case list(), list() if len(old) == len(new):
            for index, (before, after) in enumerate(zip(old, new, strict=True)):
                yield from _schema(f"{path}[{index}]", before, after)
        case _:
            yield f"{path}: other items"
