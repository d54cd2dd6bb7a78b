"""`python -m tests.benchmarks.page`: docs/performance.md, made of the results beside it.

The head of the page and what is said of each bench are written by hand, in
docs/performance/*.md; tables and charts come from docs/performance/*.json, which
`velocity bench NAME --json docs/performance/NAME.json` wrote.
"""

from __future__ import annotations

from pathlib import Path

from tests.benchmarks.registry import BENCHES
from tests.benchmarks.report import Bench, Case, read, row

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs" / "performance"
PAGE = ROOT / "docs" / "performance.md"


def page() -> str:
    """The whole page, as it should stand."""
    parts = [_text("introduction")]
    for name, entry in BENCHES.items():
        results = FOLDER / f"{name}.json"
        if results.exists():
            found = read(results)
            parts += [f"## {name}: {entry.asks}", _load(found), _table(found), _chart(found)]
            parts.append(_text(name))
    return "\n\n".join(part for part in parts if part) + "\n"


def _text(name: str) -> str:
    path = FOLDER / f"{name}.md"
    return path.read_text().strip() if path.exists() else ""


def _load(found: Bench) -> str:
    hardware = ", ".join(f"{what} {value}" for what, value in found.hardware.items())
    return f"{found.load}\n\n`velocity bench {found.bench}` on: {hardware}."


def _table(found: Bench) -> str:
    rows = ["| case | value | limit | ratio | aim | met |", "| --- | --- | --- | --- | --- | --- |"]
    rows += [f"| {' | '.join(row(case))} |" for case in found.cases]
    return "\n".join(rows)


def _chart(found: Bench) -> str:
    """The values of the cases in the unit that most of them share; nothing for fewer than two."""
    units = [case.unit for case in found.cases]
    unit = max(units, key=units.count) if units else ""
    shown: list[Case] = [case for case in found.cases if case.unit == unit]
    if len(shown) < 2:
        return ""
    names = ", ".join(f'"{case.name}"' for case in shown)
    values = ", ".join(f"{case.value:.4g}" for case in shown)
    return (
        "```mermaid\nxychart-beta horizontal\n"
        f'    x-axis [{names}]\n    y-axis "{unit}"\n    bar [{values}]\n```'
    )


if __name__ == "__main__":
    PAGE.write_text(page())
