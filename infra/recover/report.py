"""What a recovery did: what came back, what did not, and why."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, TypeVar, assert_never

import msgspec

from streams.messages import (
    AccountCommand,
    Amend,
    AmendOrder,
    Cancel,
    CancelOrder,
    CancelReplace,
    ConfigureMarket,
    Frame,
    MarketCommand,
    MoveHold,
    Place,
    PlaceOrder,
    ReleaseName,
    Replace,
    Settle,
    Tick,
    account_frames,
    market_frames,
    request_id,
)
from streams.runtime.ports import Kept

if TYPE_CHECKING:
    from rich.console import Console

LISTED_MAX = 20

_OF_MARKETS = (PlaceOrder, CancelOrder, AmendOrder)

FrameT = TypeVar("FrameT", Frame[AccountCommand], Frame[MarketCommand])


@dataclass(frozen=True, slots=True)
class Lost:
    """A request that was acknowledged, and is not in the recovered state."""

    request: int
    kind: str
    account: str
    market: str = ""


@dataclass(frozen=True, slots=True)
class Recovered:
    """A partition: what it began with, the records replayed since, and where it was cut."""

    machine: str
    began: str
    replayed: int
    cut: int
    left_out: int
    why: str


@dataclass(slots=True)
class Report:
    """All of it. `sent` are commands that were on their way, `trades` those beyond the cut, as
    (market, first and last trade id); `orders` are those expired, `markets` those lost.
    """

    epoch: int
    machines: list[Recovered] = field(default_factory=list)
    lost: list[Lost] = field(default_factory=list)
    sent: int = 0
    rows: int = 0
    orders: list[int] = field(default_factory=list)
    trades: list[tuple[str, int, int]] = field(default_factory=list)
    markets: list[str] = field(default_factory=list)
    accounts: list[str] = field(default_factory=list)

    def as_json(self) -> str:
        return json.dumps(asdict(self))


def lost_by_account(partition: int, record: Kept) -> Iterator[Lost]:
    """What clients asked for in a record of `commands`; settlements are made again."""
    frame = _decoded(account_frames, record)
    for index, command in enumerate(frame.commands if frame else ()):
        if not isinstance(command, Settle | ReleaseName | MoveHold):
            yield Lost(
                request_id(partition, record.offset, index),
                type(command).__name__,
                command.account,
                command.market if isinstance(command, _OF_MARKETS) else "",
            )


def lost_by_market(record: Kept, sent: Mapping[str, int]) -> Iterator[Lost]:
    """What a record of `orders` asks that its sender, up to its number in `sent`, does not."""
    frame = _decoded(market_frames, record)
    for index, command in enumerate(frame.commands if frame else ()):
        kind = type(command).__name__
        match command:
            case ConfigureMarket(config=config):
                yield Lost(0, kind, "", config.market)
            case Tick():
                pass
            case (
                Place(order_id=request)
                | Cancel(request=request)
                | Replace(request=request)
                | Amend(request=request)
            ):
                if frame and frame.first_seq + index > sent.get(frame.source, 0):
                    yield Lost(request, kind, command.account, command.market)
            case CancelReplace(request=request):
                if frame and frame.first_seq + index > sent.get(frame.source, 0):
                    yield Lost(request, kind, command.account, command.market)
            case _:
                assert_never(command)


def _decoded(decoder: msgspec.msgpack.Decoder[FrameT], record: Kept) -> FrameT | None:
    """The frame of a record; None of one that its machine would have buried."""
    try:
        return decoder.decode(record.value)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def show(report: Report, console: Console) -> None:
    """Print it for an operator."""
    from rich.table import Table

    table = Table("machine", "began with", "replayed", "ends before", "left out", "why")
    for each in report.machines:
        numbers = (f"{each.replayed:,}", str(each.cut), f"{each.left_out:,}")
        table.add_row(each.machine, each.began, *numbers, each.why)
    console.print(table)
    console.print(
        f"epoch {report.epoch}: {report.sent:,} commands that were on their way are sent again, "
        f"{report.rows:,} rows of the read models written"
    )
    _list(console, "requests lost", [_line(lost) for lost in report.lost])
    _list(console, "open orders lost, now expired", [str(order) for order in report.orders])
    told = [f"{market} {first} to {last}" for market, first, last in report.trades]
    _list(console, "trades told and undone", told)
    _list(console, "markets lost, to be created again", report.markets)
    _list(console, "accounts opened again", report.accounts)


def _line(lost: Lost) -> str:
    return " ".join(filter(None, (lost.kind, str(lost.request or ""), lost.account, lost.market)))


def _list(console: Console, what: str, lines: list[str]) -> None:
    console.print(f"{what}: {len(lines):,}")
    for line in lines[:LISTED_MAX]:
        console.print(f"  {line}", markup=False)
    if len(lines) > LISTED_MAX:
        console.print(f"  and {len(lines) - LISTED_MAX:,} more; --json lists all")
