"""Shows a demonstration while it runs: a live table on a terminal, a line a second elsewhere."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from types import TracebackType

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from infra.demo.seen import SeenTrade
from infra.demo.traders import Tally
from infra.demo.verdict import Check

TRADES_SHOWN = 8


@dataclass(slots=True)
class Scene:
    """What there is to see: updated by who knows, drawn by `Display`."""

    addresses: dict[str, str]
    tally: Tally
    elapsed_s: float = 0.0
    orders_per_second: float = 0.0
    trades: dict[str, int] = field(default_factory=dict)
    last: deque[SeenTrade] = field(default_factory=lambda: deque(maxlen=TRADES_SHOWN))

    def show_trade(self, trade: SeenTrade) -> None:
        self.last.appendleft(trade)

    def percentile_ms(self, share: float) -> float:
        """Of the latest answers, the latency that this share stayed below; 0 without any."""
        ordered = sorted(self.tally.latencies_ms)
        return ordered[min(int(len(ordered) * share), len(ordered) - 1)] if ordered else 0.0

    @property
    def headline(self) -> str:
        trades = ", ".join(f"{count} by {door}" for door, count in self.trades.items())
        return (
            f"{self.elapsed_s:4.0f} s  {len(self.tally.acknowledged)} orders"
            f"  {self.orders_per_second:.0f}/s"
            f"  order to outcome p50 {self.percentile_ms(0.5):.1f} ms"
            f" p99 {self.percentile_ms(0.99):.1f} ms  trades: {trades}"
        )


class Display:
    """Draws a scene until it is left; `refresh` is to be called about once a second."""

    def __init__(self, console: Console, scene: Scene) -> None:
        self._console = console
        self._scene = scene
        self._live = Live(console=console, auto_refresh=False) if console.is_terminal else None

    def __enter__(self) -> Display:
        for name, address in self._scene.addresses.items():
            self._console.print(f"{name:<14} {address}", highlight=False, soft_wrap=True)
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def refresh(self) -> None:
        if self._live is None:
            self._console.print(self._scene.headline, highlight=False, soft_wrap=True)
        else:
            self._live.update(self._picture(), refresh=True)

    def _picture(self) -> Group:
        table = Table("market", "trade", "price", "quantity", title="last trades, by WebSocket")
        for trade in self._scene.last:
            table.add_row(trade.market, str(trade.trade_id), trade.price, trade.quantity)
        return Group(Text(self._scene.headline), table)


def print_summary(console: Console, tally: Tally, checks: list[Check]) -> None:
    """What was found, a line a check."""
    if tally.refused:
        refusals = ", ".join(f"{text} ({count})" for text, count in tally.refused.items())
        console.print(f"refused, as rules ask: {refusals}", highlight=False, soft_wrap=True)
    if tally.unknown:
        console.print(f"answered with unknown outcome: {tally.unknown}", highlight=False)
    for check in checks:
        mark = "[green]holds[/green]" if check.holds else "[red]FAILS[/red]"
        console.print(f"{mark}  {check.name}: {check.seen}", highlight=False, soft_wrap=True)
