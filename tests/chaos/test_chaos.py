"""Three rounds of chaos on the real processes, as CI runs them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.rounds import run

ROUNDS = 3
SEED = 7
"""Which faults come, in which order; `make chaos` draws a new one each time."""

LIMIT_S = 600


@pytest.mark.servers
@pytest.mark.timeout(LIMIT_S)
async def test_what_was_told_holds_through_kills_pauses_and_restarts(tmp_path: Path) -> None:
    orders = await run(tmp_path, ROUNDS, SEED, print)
    assert orders > 100
