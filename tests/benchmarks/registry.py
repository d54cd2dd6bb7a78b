"""The table of benches."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import NamedTuple, cast

from tests.benchmarks.report import Bench

Say = Callable[[str], None]
"""Told what a bench is doing, for it may take minutes."""


class Entry(NamedTuple):
    """One bench: the module that holds its `run`, and the question it answers."""

    module: str
    asks: str

    def load(self) -> Callable[[Say], Bench]:
        """Import it: late, for each brings in what it measures."""
        module = import_module(f"tests.benchmarks.{self.module}")
        return cast("Callable[[Say], Bench]", module.run)


BENCHES = {
    "book": Entry("book", "How fast is the market machine alone, on five kinds of market?"),
    "pipe": Entry("pipe", "How fast does the matching worker turn orders into outputs?"),
    "latency": Entry("latency", "How long does one client wait for an order's answer?"),
    "throughput": Entry("throughput", "How many orders a second does the exchange take?"),
    "feed": Entry("feed", "How late is a trade at its WebSocket subscribers?"),
    "projections": Entry("projections", "How late are rows, and how fast is a backlog gone?"),
    "recovery": Entry("recovery", "How long is a market away after its worker was killed?"),
    "scale": Entry("scale", "What does it cost to have more of something?"),
    "soak": Entry("soak", "Does memory stay flat at the highest rate it accepts?"),
}
