"""The contract's documents are current, are what they claim to be, and say what is published."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from infra.contract.asyncapi import document
from infra.contract.files import ROOT, files
from infra.contract.meanings import FIELDS, MESSAGES
from infra.contract.schemas import schema_file
from streams.messages import Sequence, encode_event
from streams.messages.events import PublicEvent
from streams.outputs import Output
from streams.runtime.ports import Place, Record
from streams.runtime.publisher import Publisher
from streams.topics import TOPICS, Topic
from tests.unit.messages.samples import SAMPLES

VENUE = "velocity"
ASYNCAPI = Path(__file__).with_name("asyncapi-3.0.0.json")
"""The official schema (asyncapi/spec-json-schemas, Apache-2.0), without its white space."""

EVENTS = [event for event in SAMPLES if isinstance(event, PublicEvent)]
TOPIC_OF = {message: topic for topic, message in MESSAGES.items()}


@pytest.fixture(scope="module")
def official() -> jsonschema_rs.Validator:
    return jsonschema_rs.validator_for(json.loads(ASYNCAPI.read_text()))


@pytest.mark.parametrize("path", files(), ids=lambda path: str(path.relative_to(ROOT)))
def test_every_file_is_current(path: Path) -> None:
    assert path.read_text() == files()[path], "run: python -m infra.contract"


def test_the_document_is_valid_asyncapi(official: jsonschema_rs.Validator) -> None:
    assert [str(error) for error in official.iter_errors(document())] == []


@pytest.mark.parametrize(
    "broken",
    [
        {"asyncapi": "2.6.0"},
        {"channels": {"trades": {"bindings": {"kafka": {"partitions": "eight"}}}}},
        {"operations": {"publish": {"action": "shout"}}},
    ],
)
def test_a_document_that_is_not_would_be_found_out(
    official: jsonschema_rs.Validator, broken: dict[str, Any]
) -> None:
    assert not official.is_valid(document() | broken)


def test_every_public_topic_has_a_message_and_a_channel() -> None:
    public = {topic for topic in TOPICS if topic.public}
    assert set(MESSAGES) == public
    assert set(document()["channels"]) == {topic.short for topic in public}


def test_no_meaning_is_of_a_field_that_is_not_there() -> None:
    for message, meanings in FIELDS.items():
        assert set(meanings) == set(message.__struct_fields__)


@pytest.mark.parametrize("topic", MESSAGES, ids=lambda topic: topic.short)
def test_schemas_are_valid_and_close(topic: Topic) -> None:
    schema = schema_file(topic)
    assert jsonschema_rs.meta.is_valid(schema)
    assert not jsonschema_rs.is_valid(schema, {})


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_what_is_published_fits_its_schema(event: PublicEvent) -> None:
    schema = schema_file(TOPIC_OF[type(event)])
    value = json.loads(encode_event(event))
    jsonschema_rs.validate(schema, value)
    jsonschema_rs.validate(schema, value | {"added_later": 1})
    for field in schema["required"]:
        rest = {name: each for name, each in value.items() if name != field}
        assert not jsonschema_rs.is_valid(schema, rest), field
    assert not jsonschema_rs.is_valid(schema, value | {"seq": "77"})


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_headers_and_keys_are_as_documented(event: PublicEvent) -> None:
    topic = TOPIC_OF[type(event)]
    output = Output(topic, 0, event.market, event.market, Sequence(event.seq), event)
    records = Publisher(_NoLog(), VENUE).encode([output])[topic, 0]
    assert [record.key for record in records] == [event.market.encode()]
    (headers,) = ({name: text.decode() for name, text in record.headers} for record in records)
    schema = document()["components"]["messages"][type(event).__name__]["headers"]
    jsonschema_rs.validate(schema, headers)
    assert set(headers) == set(schema["properties"])
    assert headers["ce_id"] == f"{event.market}:{event.seq}"
    assert headers["ce_type"] == topic.name(VENUE)
    assert headers["ce_source"].startswith(f"/{VENUE}/markets/{event.market}")


class _NoLog:
    """Nothing is sent here: only how it is encoded matters."""

    async def append(self, records: Mapping[Place, list[Record]]) -> dict[Place, int]:
        raise NotImplementedError

    def read(self, starts: Mapping[Place, int]) -> Any:
        raise NotImplementedError

    async def bounds(self, places: Any) -> dict[Place, tuple[int, int]]:
        raise NotImplementedError
