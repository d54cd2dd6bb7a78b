"""A partition of `orders`, written and read by its markets in one step."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from streams.matching import MatchingPartition
from streams.messages import (
    FRAME_VERSION,
    AccountId,
    Cancel,
    ConfigureMarket,
    Frame,
    Lots,
    MarketCommand,
    MarketConfig,
    MarketId,
    OrderId,
    OrderType,
    Place,
    RequestId,
    Sequence,
    Side,
    Ticks,
    TimeInForce,
    Units,
    encode_frame,
    request_id,
)
from streams.outputs import Output
from tests.unit.matching import floor

PARTITION = 3
ACCOUNT_PARTITIONS = 2
BTCUSDT = MarketId("BTCUSDT")
Message = TypeVar("Message")


def order_id(number: int, ledger: int = 0) -> OrderId:
    """The id of an order that came over a partition of accounts."""
    return OrderId(request_id(ledger, number, 0))


def place(
    number: int,
    side: Side,
    quantity: int,
    price: int,
    *,
    ledger: int = 0,
    market: MarketId = BTCUSDT,
    tif: TimeInForce = TimeInForce.GTC,
    hold: int | None = None,
) -> Place:
    """A limit order that holds exactly what it needs, of an account named by its number."""
    if hold is None:
        value = price * floor.TICK_LOT if side is Side.BUY else floor.LOT
        hold = quantity * value
    return Place(
        order_id(number, ledger),
        AccountId(f"account-{number}"),
        market,
        f"client-{number}",
        side,
        OrderType.LIMIT,
        tif,
        Ticks(price),
        Lots(quantity),
        Units(0),
        Units(hold),
    )


def market_order(number: int, side: Side, *, budget: int, hold: int) -> Place:
    """A MARKET order given by its budget."""
    bare = place(number, side, 0, 0)
    return msgspec.structs.replace(
        bare, order_type=OrderType.MARKET, budget=Units(budget), hold=Units(hold)
    )


def cancel(number: int, request: int, *, ledger: int = 0, market: MarketId = BTCUSDT) -> Cancel:
    return Cancel(
        RequestId(order_id(request, ledger)),
        order_id(number, ledger),
        AccountId(f"account-{number}"),
        market,
    )


def configure(**settings: object) -> ConfigureMarket:
    """Configure BTCUSDT as `floor.config` does, but for these fields."""
    usual: MarketConfig = floor.config(partition=PARTITION, maker_bps=10, taker_bps=20)
    return ConfigureMarket(msgspec.structs.replace(usual, **settings))


def frame(
    *commands: MarketCommand, source: str = "", first: int = 0, version: int = FRAME_VERSION
) -> bytes:
    return encode_frame(Frame(version, source, Sequence(first), list(commands)))


class Log:
    """Numbers each ledger's commands and feeds the frames, one a call, to a partition."""

    def __init__(self, machine: MatchingPartition | None = None) -> None:
        self.machine = machine or MatchingPartition(PARTITION, ACCOUNT_PARTITIONS)
        self.records: list[tuple[int, int, bytes]] = []
        self._sent = [0] * ACCOUNT_PARTITIONS

    def configure(self, **settings: object) -> list[Output]:
        return self.append(frame(configure(**settings)))

    def send(
        self, *commands: MarketCommand, ledger: int = 0, at: int | None = None
    ) -> list[Output]:
        """Append a ledger's commands as one frame."""
        first = self._sent[ledger] + 1
        self._sent[ledger] += len(commands)
        return self.append(frame(*commands, source=f"ledger:{ledger}", first=first), at=at)

    def append(self, value: bytes, *, at: int | None = None) -> list[Output]:
        offset = len(self.records)
        time = 1_000 + offset if at is None else at
        self.records.append((offset, time, value))
        return self.machine.apply(offset, time, value)


def opened() -> Log:
    """A log on which BTCUSDT is open for trade."""
    log = Log()
    log.configure()
    return log


def messages(outputs: list[Output], kind: type[Message]) -> list[Message]:
    """What was put out of one kind."""
    return [output.message for output in outputs if isinstance(output.message, kind)]
