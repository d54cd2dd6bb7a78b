"""Nothing lost, nothing twice, the same book to the byte: on seeds, in simulated time."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.simulation.checks import check
from tests.simulation.exchange import simulate
from tests.simulation.weather import MOST

SEEDS_AT_ONCE = range(1, 21)
SEEDS = range(1_000, 1_250)
FOUND = {
    "what failed to be published is forgotten, or a dying worker keeps it as said": 1001,
    "a worker that is asked to hand over first ends what it is sending": 1017,
    "a forged frame from far ahead silences no sender": 1027,
    "an acknowledgement that comes after the lease says nothing of where others wrote": 1074,
    "a name that three orders had in a row leads back to the first": 1148,
}
"""Seeds that fail when what is said of them is taken out of the code again: all were bugs, found
here. A change of the simulation deals the seeds anew; then find others. Rarer than one seed in some
hundreds, and tested in `tests/unit`: an assignment that comes after the next release, a release
between two polls while the last of the first is on its way, a torn checkpoint, a settlement that a
zombie sent again.
"""

DELIBERATE = {
    "kill",
    "pause",
    "cut",
    "stop",
    "join",
    "broker",
    "store",
    "damage",
    "hole",
    "lag",
    "skew",
    "garbage",
}


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """What the workers log of their troubles is no trouble here."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def survived(seeds: range) -> Counter[str]:
    """Run seeds; what went wrong in them, all in all, while every promise held."""
    return sum((simulate(seed, check).faults for seed in seeds), Counter[str]())


def test_an_exchange_keeps_its_promises_whatever_fails() -> None:
    survived(SEEDS_AT_ONCE)


@pytest.mark.parametrize("seed", FOUND.values(), ids=FOUND)
def test_what_was_found_stays_mended(seed: int) -> None:
    simulate(seed, check)


@pytest.mark.long
def test_it_keeps_them_on_hundreds_of_seeds_that_have_every_fault() -> None:
    faults = survived(SEEDS)
    assert not (DELIBERATE | set(MOST)) - set(faults)


@pytest.mark.long
def test_a_seed_is_the_same_history_in_every_process() -> None:
    def history(hash_seed: str) -> str:
        command = [sys.executable, "-m", "tests.simulation", "1003"]
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
        ran = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=60, check=True
        )
        return ran.stdout

    assert history("1") == history("2")
