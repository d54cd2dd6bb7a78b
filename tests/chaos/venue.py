"""An installation with a broker and a database of its own, which somebody keeps reviving."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from pathlib import Path

from infra.admin import Admin
from infra.bring_up import bring_up, take_down
from infra.installation import Installation
from infra.processes import Process, Records, StartError
from infra.services import SERVICES
from infra.settings import UNLIMITED, Settings

SERVICE_NAMES = tuple(service.name for service in SERVICES)
NODE_NAMES = ("kafka", "cassandra")
REVIVE_LIMIT_S = 180.0
VERIFY_LIMIT_S = 180.0
CHECKPOINT_RECORDS = 300


class Venue:
    """Everything runs below one home, on ports of its own."""

    def __init__(self, home: Path) -> None:
        # The usual ports may be somebody else's, and then free when a service comes back.
        ports = {"api_port": 0, "ws_port": 0}
        alone = {"home": home, "venue": "chaos", "kafka": None, "cql": None, **ports}
        self.settings = Settings().model_copy(
            update=UNLIMITED
            | alone
            | {"checkpoint_records": CHECKPOINT_RECORDS, "quick_servers": True}
        )
        self._records = Records(home)

    def process(self, name: str) -> Process | None:
        """The process of a service or a node, if it runs."""
        return self._records.running(name)

    async def revive(self) -> Installation:
        """Start what does not run, as a supervisor would, until all is ready.

        What starts while the broker or the database is still down may end again: then once more.
        Raises `TimeoutError`.
        """
        deadline = time.monotonic() + REVIVE_LIMIT_S
        while True:
            try:
                return await asyncio.to_thread(bring_up, self.settings, lambda *_: None)
            except StartError as error:
                if time.monotonic() > deadline:
                    raise TimeoutError(
                        f"not ready after {REVIVE_LIMIT_S:.0f} s: {error}"
                    ) from error

    def close(self) -> None:
        """Stop all of it."""
        for _ in take_down(self.settings):
            pass

    async def verify(self) -> list[str]:
        """What `velocity verify` finds different; empty if nothing is."""
        environment = {
            name: value for name, value in os.environ.items() if name not in ("KAFKA", "CQL")
        } | {"VELOCITY_HOME": str(self.settings.home), "VELOCITY_VENUE": self.settings.venue}
        done = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-m", "infra.cli", "verify", "--json"],
            env=environment,
            capture_output=True,
            text=True,
            timeout=VERIFY_LIMIT_S,
            check=False,
        )
        if done.returncode == 0:
            return []
        return [f"verify ended with {done.returncode}", done.stdout[-4000:], done.stderr[-4000:]]


def open_accounts(admin: Admin, count: int, funds: dict[str, str]) -> list[tuple[str, str]]:
    """New accounts with these funds; their API keys and secrets."""
    keys = []
    for number in range(count):
        name = f"trader-{number}"
        admin.create_account(name)
        for asset, amount in funds.items():
            admin.deposit(name, asset, amount, "chaos")
        key = admin.create_key(name)
        keys.append((key["api_key"], key["api_secret"]))
    return keys


def logs(home: Path) -> str:
    """Where to look after a failure."""
    return json.dumps(sorted(str(path) for path in (home / "logs").glob("*.log")))
