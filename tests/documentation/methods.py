"""The table of docs/api.md of every documented method of the WebSocket API."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from api.ws_api.client import CALLS
from api.ws_api.methods import METHODS
from tests.documentation.coverage import LISTS, NO_REFERENCE, NOT_SERVED, PAGE, SOR

DOCUMENTED: list[str] = json.loads(Path(__file__).with_name("binance_spot.json").read_text())[
    "methods"
]

BEGIN = "<!-- methods: written by python -m tests.documentation.methods -->"
END = "<!-- end of methods -->"

NOT_CALLED = {
    "executionRules": NOT_SERVED["GET /api/v3/executionRules"],
    "blockTrades.historical": NOT_SERVED["GET /api/v3/historicalBlockTrades"],
    "referencePrice": NO_REFERENCE,
    "referencePrice.calculation": NO_REFERENCE,
    "orderList.place": LISTS,
    "orderList.place.oco": LISTS,
    "orderList.place.oto": LISTS,
    "orderList.place.otoco": LISTS,
    "orderList.place.opo": LISTS,
    "orderList.place.opoco": LISTS,
    "orderList.cancel": LISTS,
    "orderList.status": LISTS,
    "openOrderLists.status": LISTS,
    "allOrderLists": LISTS,
    "sor.order.place": SOR,
    "sor.order.test": SOR,
    "myAllocations": SOR,
    "myFilters": NOT_SERVED.get("GET /api/v3/myFilters", ""),
}
"""Why a documented method is not there."""


def table() -> str:
    """The whole of it, in Markdown."""
    rows = ["| method | as |", "| --- | --- |", *_rows()]
    return "\n".join([BEGIN, "", *rows, "", END])


def _rows() -> Iterator[str]:
    for name in sorted(DOCUMENTED):
        if name in METHODS:
            method, path = METHODS[name]
            yield f"| `{name}` | `{method} {path.removeprefix('/api/v3/')}` |"
        elif name in CALLS:
            yield f"| `{name}` | about the connection itself: below |"
        else:
            yield f"| `{name}` | **no**: {NOT_CALLED[name]} |"


def page() -> str:
    """docs/api.md as it should be."""
    before, rest = PAGE.read_text().split(BEGIN)
    return f"{before}{table()}{rest.split(END)[1]}"


if __name__ == "__main__":
    PAGE.write_text(page())
