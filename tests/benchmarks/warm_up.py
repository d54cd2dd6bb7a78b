"""Orders before the first that counts: servers compile what runs often, half a minute long."""

from __future__ import annotations

from infra.installation import Installation
from infra.ports import host_and_port
from tests.benchmarks import backlog, open_loop
from tests.benchmarks.open_loop import Work
from tests.benchmarks.orders import Key
from tests.benchmarks.registry import Say

SECONDS = 30.0
CONNECTIONS = 4
BATCH = 25
CATCH_UP_LIMIT_S = 60.0

LOAD_BEFORE = f"After {SECONDS:.0f} s of batches that do not count."


def warm_up(installation: Installation, keys: list[Key], say: Say) -> None:
    """Keep the exchange busy, and return once the database is up to date.

    Raises `TimeoutError`, `subprocess.SubprocessError`.
    """
    say("warming up")
    address = host_and_port(installation.api_url.removeprefix("http://"))
    open_loop.run(Work("batch", *address, CONNECTIONS, 0, SECONDS, keys, BATCH))
    with backlog.watched(installation.settings) as behind:
        taken_s = behind.drained_s(CATCH_UP_LIMIT_S)
    if taken_s >= CATCH_UP_LIMIT_S:
        raise TimeoutError(f"the database was not up to date within {CATCH_UP_LIMIT_S} s")
