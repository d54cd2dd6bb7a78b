"""Shows what a verification found: a table for people, JSON for scripts."""

from __future__ import annotations

import json

from rich.console import Console
from rich.table import Table
from rich.text import Text

from infra.verify.checks import Check


def show(checks: list[Check], console: Console) -> None:
    """A line a check, and below them the first difference."""
    table = Table.grid(padding=(0, 2))
    for check in checks:
        mark = "[green]holds[/]" if check.holds else "[red]DIFFERS[/]"
        table.add_row(mark, check.name, Text(check.difference or check.compared))
    console.print(table)
    different = [check for check in checks if not check.holds]
    if different:
        first = different[0]
        line = f"{len(different)} of {len(checks)} differ, first {first.name}: {first.difference}"
        console.print(Text(line), soft_wrap=True)
    else:
        console.print(f"all {len(checks)} checks hold")


def as_json(checks: list[Check]) -> str:
    """The same: `{"holds", "checks": [{"name", "holds", "compared", "difference"}]}`."""
    found = [
        {
            "name": check.name,
            "holds": check.holds,
            "compared": check.compared,
            "difference": check.difference,
        }
        for check in checks
    ]
    return json.dumps({"holds": all(check.holds for check in checks), "checks": found})
