"""`python -m tests.chaos`: see the package."""

from __future__ import annotations

import argparse
import asyncio
import secrets
import signal
import sys
import tempfile
from pathlib import Path

from tests.chaos.rounds import Contradiction, run
from tests.chaos.venue import logs


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6))
    arguments = parser.parse_args()
    # Whoever ends this early must find nothing left running either.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    home = Path(tempfile.mkdtemp(prefix="velocity-chaos-"))
    print(f"seed {arguments.seed}, home {home}", flush=True)
    try:
        orders = asyncio.run(
            run(home, arguments.rounds, arguments.seed, lambda text: print(text, flush=True))
        )
    except Contradiction as error:
        print(f"FAILED: {error}\nlogs: {logs(home)}", file=sys.stderr)
        return 1
    print(f"held: {arguments.rounds} rounds, {orders} orders")
    return 0


if __name__ == "__main__":
    sys.exit(main())
