"""Repeat one seed and print its history, or run many on all cores and count what they survived."""

from __future__ import annotations

import argparse
import logging
import multiprocessing
import sys
import time
from collections import Counter

from tests.simulation.checks import check
from tests.simulation.exchange import Failed, simulate


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("seed", type=int, help="the seed; with --seeds the first of them")
    parser.add_argument("--seeds", type=int, metavar="N", help="run so many, on all cores")
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)
    if options.seeds:
        return _run_many(range(options.seed, options.seed + options.seeds))
    return _run_one(options.seed)


def _run_one(seed: int) -> int:
    try:
        exchange = simulate(seed, check)
    except Failed as failure:
        print(failure.exchange.trace)
        print(f"FAILED: {failure.reason}")
        return 1
    print(exchange.trace)
    print(f"seed {seed}: every promise held through {_counted(exchange.faults)}")
    return 0


def _run_many(seeds: range) -> int:
    began, failures, counts = time.monotonic(), list[str](), Counter[str]()
    with multiprocessing.Pool() as pool:
        for failure, survived in pool.imap_unordered(_outcome, seeds, chunksize=8):
            counts += survived
            if failure:
                failures.append(failure)
                print(failure, flush=True)
    took = time.monotonic() - began
    print(f"{len(seeds)} seeds in {took:.0f} s: {len(failures)} failed; {_counted(counts)}")
    return 1 if failures else 0


def _outcome(seed: int) -> tuple[str, Counter[str]]:
    """Why a seed failed, if it did, and the faults that it had."""
    logging.disable(logging.CRITICAL)
    try:
        return "", simulate(seed, check).faults
    except Failed as failure:
        return f"seed {seed} FAILED: {failure}", failure.exchange.faults


def _counted(counts: Counter[str]) -> str:
    return ", ".join(f"{count} {kind}" for kind, count in counts.most_common()) or "no fault"


if __name__ == "__main__":
    sys.exit(main())
