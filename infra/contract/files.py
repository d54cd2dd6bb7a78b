"""Which files the contract is written to, and what is in them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from infra.contract import asyncapi, page
from infra.contract.meanings import MESSAGES
from infra.contract.schemas import schema_file

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
RELEASED = ROOT / "tests" / "contract" / "released.json"
"""The AsyncAPI document that was released last."""


def files() -> dict[Path, str]:
    """Each file of the contract, and its text as it must be today."""
    topics = DOCS / "topics.md"
    schemas = {DOCS / "schemas" / f"{topic.short}.json": schema_file(topic) for topic in MESSAGES}
    return {
        topics: page.written(topics.read_text()),
        DOCS / "asyncapi.json": _text(asyncapi.document()),
        **{path: _text(schema) for path, schema in schemas.items()},
    }


def released_files() -> dict[Path, str]:
    """The same of what is frozen."""
    return {RELEASED: _text(asyncapi.document())}


def _text(document: dict[str, Any]) -> str:
    return json.dumps(document, indent=2) + "\n"
