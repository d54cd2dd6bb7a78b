"""How requests are refused here, and what the database has."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx

from infra.settings import Settings
from projections.session import Database

NOT_AUTHORIZED = (401, -1002)
REJECTED_KEY = (401, -2015)
BAD_SIGNATURE = (400, -1022)
OUT_OF_TIME = (400, -1021)
LOCKED = (429, -1003)

NO_HASH = "x" * 129
"""Longer than any password, so that none is hashed: an attacker who spares this machine."""


def told(answer: httpx.Response) -> tuple[int, int]:
    """The status of a refusal, and its code."""
    assert set(answer.json()) == {"code", "msg"}, answer.text
    return answer.status_code, answer.json()["code"]


def rows(settings: Settings, cql: str, parameters: tuple[object, ...] = ()) -> list[Any]:
    """What the database has."""

    async def ask() -> list[Any]:
        database = await Database.connect(settings)
        try:
            return await database.execute(cql, parameters)
        finally:
            await database.close()

    return asyncio.run(ask())
