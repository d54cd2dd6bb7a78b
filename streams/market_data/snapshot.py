"""The state of market data as chunks of JSON, in one canonical order, and back.

JSON, as a busy month's quote volume in units may pass 64 bits, which MessagePack can't carry.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, assert_never

import msgspec

from streams.market_data.candle import Candle
from streams.market_data.market import MarketData
from streams.messages import MarketId
from streams.outputs import SnapshotMismatch

if TYPE_CHECKING:
    from streams.market_data.partition import MarketDataPartition

SNAPSHOT_VERSION = 1
MINUTES_MAX = 500
"""Minutes in a chunk; it stays under 200 kB."""


class Head(msgspec.Struct, frozen=True, array_like=True, tag="head"):
    version: int
    partition: int
    position: int


class Market(msgspec.Struct, frozen=True, array_like=True, tag="market"):
    """A market's open candles; its minutes follow in chunks of their own."""

    market: MarketId
    second: Candle
    longer: list[Candle | None]
    previous_close: int | None


class Minutes(msgspec.Struct, frozen=True, array_like=True, tag="minutes"):
    market: MarketId
    minutes: list[Candle]


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Head | Market | Minutes)


def write(state: MarketDataPartition) -> Iterator[bytes]:
    """The state in chunks of bounded size: its head, then market by market."""
    yield _encoder.encode(Head(SNAPSHOT_VERSION, state.partition, state.position))
    for name, market in sorted(state.markets.items()):
        second = market.chart.second
        if second is None:
            raise ValueError(f"{name} has no trade")
        previous_close = market.window.previous_close
        yield _encoder.encode(Market(name, second, market.chart.longer, previous_close))
        rest = iter(market.window.minutes)
        while minutes := list(islice(rest, MINUTES_MAX)):
            yield _encoder.encode(Minutes(name, minutes))


def read(state: MarketDataPartition, chunks: Iterable[bytes]) -> None:
    """Fill a new partition's state from its chunks."""
    rest = iter(chunks)
    head = _decoder.decode(next(rest, b""))
    if not isinstance(head, Head) or head.version != SNAPSHOT_VERSION:
        raise SnapshotMismatch(f"not the head of a snapshot of version {SNAPSHOT_VERSION}: {head}")
    if head.partition != state.partition:
        raise SnapshotMismatch(f"partition {head.partition}, wanted {state.partition}")
    state.position = head.position
    for chunk in rest:
        _fill(state.markets, _decoder.decode(chunk))


def _fill(markets: dict[MarketId, MarketData], chunk: Head | Market | Minutes) -> None:
    match chunk:
        case Market(market=name, second=second):
            market = markets[name] = MarketData(name)
            market.last_trade_id = second.last_trade_id
            market.chart.second = second
            market.chart.longer = chunk.longer
            market.window.previous_close = chunk.previous_close
            market.restored()
        case Minutes(market=name, minutes=minutes):
            markets[name].window.minutes.extend(minutes)
        case Head():
            raise SnapshotMismatch("a snapshot with two heads")
        case _:
            assert_never(chunk)
