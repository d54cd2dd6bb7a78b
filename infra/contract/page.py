"""The tables of docs/topics.md. What stands around them there is written by hand."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from infra.contract.meanings import GUARANTEES, MESSAGES, SOURCES, SUMMARIES
from infra.contract.schemas import message_schema
from streams.topics import DAY_MS, HOUR_MS, TOPICS, Spread, Topic

BEGIN = "<!-- {name}: written by python -m infra.contract -->"
END = "<!-- end of {name} -->"

SPREADS = {
    Spread.ACCOUNTS: "`VELOCITY_ACCOUNT_PARTITIONS`",
    Spread.MARKETS: "`VELOCITY_MARKET_PARTITIONS`",
    Spread.ONE: "1",
}


def written(page: str) -> str:
    """The page with its tables as they must be today. Raises `ValueError` where one has no place"""
    for name, table in (("topics", topics()), ("messages", messages()), ("internal", internal())):
        begin, end = BEGIN.format(name=name), END.format(name=name)
        before, found, rest = page.partition(begin)
        _, found_end, after = rest.partition(end)
        if not (found and found_end):
            raise ValueError(f"docs/topics.md has no place for {name}: {begin} {end}")
        page = f"{before}{begin}\n\n{table}\n\n{end}{after}"
    return page


def topics() -> str:
    """The public topics, a line each."""
    lines = [
        "| topic | carries | key | partitions | kept | for one market |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    lines += [
        f"| `{topic.short}` | {SUMMARIES[topic]} | {topic.key} | {SPREADS[topic.spread]}"
        f" | {_kept(topic)} | {GUARANTEES[topic]} |"
        for topic in MESSAGES
    ]
    return "\n".join(lines)


def messages() -> str:
    """A section for each public message."""
    return "\n\n".join("\n".join(_message(topic)) for topic in MESSAGES)


def internal() -> str:
    """The topics that are nobody else's."""
    lines = ["| topic | key | kept | written by | read by |", "| --- | --- | --- | --- | --- |"]
    lines += [
        f"| `{topic.short}` | {topic.key} | {_kept(topic)} | {', '.join(topic.writers)}"
        f" | {', '.join(topic.readers)} |"
        for topic in TOPICS
        if not topic.public
    ]
    return "\n".join(lines)


def _message(topic: Topic) -> Iterator[str]:
    message = MESSAGES[topic]
    schema = message_schema(message)
    sources = " or ".join(f"`/{{venue}}/markets/{source}`" for source in SOURCES[topic])
    yield f"### `{topic.short}`: {message.__name__}"
    yield ""
    yield f"`ce_source` is {sources}. Schema: [schemas/{topic.short}.json]({_file(topic)})."
    yield ""
    yield "| field | type | meaning |"
    yield "| --- | --- | --- |"
    for name, field in schema["properties"].items():
        yield f"| `{name}` | {_type(field)} | {field['description']} |"


def _file(topic: Topic) -> str:
    return f"schemas/{topic.short}.json"


def _type(schema: dict[str, Any]) -> str:
    if "enum" in schema:
        return " ".join(f"`{value}`" for value in schema["enum"])
    if schema["type"] == "array":
        items = schema["items"]
        return f"{_type(items)}, any number" if isinstance(items, dict) else f"{len(items)} values"
    return "decimal" if "pattern" in schema else str(schema["type"])


def _kept(topic: Topic) -> str:
    if topic.compacted:
        return "newest of each key"
    if topic.retention_ms is None:
        return "for good"
    whole_days = topic.retention_ms % DAY_MS == 0 and topic.retention_ms > 2 * DAY_MS
    return (
        f"{topic.retention_ms // DAY_MS} d" if whole_days else f"{topic.retention_ms // HOUR_MS} h"
    )
