"""What a bench found: cases with their limits and aims, as JSON and as a table."""

from __future__ import annotations

import math
import os
import platform
from collections.abc import Sequence
from pathlib import Path

import msgspec
import psutil

from streams import compiled


class Aim(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a case should reach. Bounds of its value, of its ratio to the limit, or of both."""

    at_least: float | None = None
    at_most: float | None = None
    ratio_at_least: float | None = None
    ratio_at_most: float | None = None

    def is_met(self, value: float, ratio: float | None) -> bool:
        """Whether all of its bounds hold."""
        return (
            _within(value, self.at_least, self.at_most)
            and (ratio is not None or self.ratio_at_least is self.ratio_at_most is None)
            and (ratio is None or _within(ratio, self.ratio_at_least, self.ratio_at_most))
        )

    def __str__(self) -> str:
        told = [
            f"{sign} {bound:,g}{of}"
            for sign, bound, of in (
                ("≥", self.at_least, ""),
                ("≤", self.at_most, ""),
                ("≥", self.ratio_at_least, " of limit"),
                ("≤", self.ratio_at_most, " of limit"),
            )
            if bound is not None
        ]
        return ", ".join(told)


class Case(msgspec.Struct, frozen=True):
    """One figure. `limit` is what the same costs, or yields, without an exchange, in one unit.

    `aim` and `met` are None for a figure that is only told, such as a further percentile.
    """

    name: str
    value: float
    unit: str
    limit: float | None
    ratio: float | None
    aim: str | None
    met: bool | None


class Bench(msgspec.Struct, frozen=True):
    """All that one bench found. `load` says what it did, and if its loop was open or closed."""

    bench: str
    load: str
    hardware: dict[str, str]
    cases: list[Case]


def case(
    name: str, value: float, unit: str, *, limit: float | None = None, aim: Aim | None = None
) -> Case:
    """A case, its ratio and whether its aim is met worked out."""
    ratio = value / limit if limit else None
    return Case(
        name,
        value,
        unit,
        limit,
        ratio,
        None if aim is None else str(aim),
        None if aim is None else aim.is_met(value, ratio),
    )


def percentiles(name: str, values: Sequence[float], unit: str) -> list[Case]:
    """p50, p90, p99 and p99.9 of what was measured, told without an aim."""
    return [
        case(f"{name} p{percent:g}", percentile(values, percent), unit)
        for percent in (50, 90, 99, 99.9)
    ]


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that so many percent of all do not exceed. Raises on no values."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def hardware() -> dict[str, str]:
    """What it ran on: nothing that names the machine."""
    return {
        "cpu": _cpu_model(),
        "cores": str(len(os.sched_getaffinity(0))),
        "memory": f"{psutil.virtual_memory().total / 2**30:.0f} GiB",
        "python": platform.python_version(),
        "machines": "compiled" if compiled.is_used() else "interpreted",
        "load before": f"{os.getloadavg()[0]:.1f}",
    }


def compare(now: Bench, before: Bench) -> list[tuple[Case, float | None]]:
    """Each case with how much of its former figure it is: of its ratio where it has one."""
    known = {case.name: case for case in before.cases}
    return [(found, _change(found, known.get(found.name))) for found in now.cases]


def row(case: Case) -> tuple[str, ...]:
    """A case as the cells of a table: name, value, limit, ratio, aim, met."""
    return (
        case.name,
        f"{_number(case.value)} {case.unit}",
        "" if case.limit is None else _number(case.limit),
        "" if case.ratio is None else f"{case.ratio:.2f}",
        case.aim or "",
        {True: "yes", False: "NO", None: ""}[case.met],
    )


def read(path: Path) -> Bench:
    """What `--json` wrote. Raises `msgspec.DecodeError`, `OSError`."""
    return msgspec.json.decode(path.read_bytes(), type=Bench)


def write(bench: Bench, path: Path) -> None:
    """Keep what a bench found, for `--compare` and for docs/performance.md."""
    path.write_bytes(msgspec.json.format(msgspec.json.encode(bench), indent=2) + b"\n")


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def _within(value: float, low: float | None, high: float | None) -> bool:
    return (low is None or value >= low) and (high is None or value <= high)


def _change(now: Case, before: Case | None) -> float | None:
    if before is None:
        return None
    if now.ratio is not None and before.ratio:
        return now.ratio / before.ratio
    return now.value / before.value if before.value else None


def _cpu_model() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except FileNotFoundError:  # not Linux
        pass
    return platform.processor() or platform.machine()
