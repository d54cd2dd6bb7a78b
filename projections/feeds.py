"""What is read together: topics, how their records decode, and the read models that take them.

Each feed is a consumer group of its own, so that one that lags does not hold up the others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec

from projections import archive, audit, balances, klines, markets, orders, tickers, trades
from projections.tables import Unwritable, Write
from streams import messages
from streams.messages.audit import audit_entries
from streams.topics import (
    AUDIT,
    COMMANDS,
    KLINES,
    MARKETS,
    ORDERS,
    TICKERS,
    TRADES,
    UPDATES,
    Topic,
)


class Record(NamedTuple):
    """A record of a topic, at its logical offset, with the time the log took it."""

    topic: Topic
    partition: int
    offset: int
    at: int
    value: bytes


class MalformedRecord(ValueError):
    """A record that is not what its topic carries; no row comes of it."""


Model = Callable[[Any, str], list[Write]]
"""From an event, and the JSON that it is, to rows."""

Read = Callable[[Record], list[Write]]


@dataclass(frozen=True)
class Feed:
    """Topics that one consumer group reads, and what becomes of each record."""

    name: str
    reads: dict[Topic, Read]
    gather_s: float = 0.0
    """How long records may wait for more, to be fetched and written together: a poll costs a fetch
    and a write, each as much as some dozens of records in it."""

    def group(self, venue: str) -> str:
        """The consumer group whose committed offsets say what is in the database."""
        return f"{venue}.projections.{self.name}"


def events(
    decoder: msgspec.json.Decoder[Any], models: Mapping[type[msgspec.Struct], Sequence[Model]]
) -> Read:
    """Decode a record once, for all the models that take its type; of others no row comes."""

    def read(record: Record) -> list[Write]:
        try:
            event = decoder.decode(record.value)
            text = record.value.decode()
            writes: list[Write] = []
            for model in models.get(type(event), ()):
                writes += model(event, text)
            for write in writes:
                write.check()
        except (msgspec.DecodeError, UnicodeDecodeError, Unwritable) as error:
            raise MalformedRecord(str(error)) from error
        return writes

    return read


def frames(log: archive.Log) -> Read:
    """Keep a record as it is, whatever it is: who replays must see all that the machines saw."""

    def read(record: Record) -> list[Write]:
        return [log.write(record.partition, record.offset, record.at, record.value)]

    return read


def audited(record: Record) -> list[Write]:
    """The audit's entries, by their place on the log."""
    try:
        writes = audit.rows_of_audit(audit_entries.decode(record.value), record.offset)
        for write in writes:
            write.check()
    except (msgspec.DecodeError, Unwritable) as error:
        raise MalformedRecord(str(error)) from error
    return writes


UPDATES_FEED = Feed(
    "updates",
    {
        UPDATES: events(
            messages.updates,
            {
                messages.OrderUpdate: (
                    orders.rows_of_orders,
                    orders.rows_of_amendments,
                    trades.rows_of_fills,
                    trades.rows_of_prevented_matches,
                ),
                messages.BalanceUpdate: (balances.rows_of_balances,),
            },
        )
    },
)
MARKETS_FEED = Feed(
    "markets",
    {
        TRADES: events(messages.trades, {messages.Trade: (trades.rows_of_trades,)}),
        TICKERS: events(messages.tickers, {messages.Ticker: (tickers.rows_of_tickers,)}),
        KLINES: events(messages.klines, {messages.Kline: (klines.rows_of_klines,)}),
        MARKETS: events(messages.markets, {messages.Market: (markets.rows_of_markets,)}),
    },
    # The doors have what is newest of a market in memory.
    gather_s=0.1,
)
ARCHIVE_FEED = Feed(
    "archive",
    {
        COMMANDS: frames(archive.COMMAND_LOG),
        ORDERS: frames(archive.ORDER_LOG),
    },
    # Who recovers goes on from the log where the archive ends: nobody waits for a frame's row.
    gather_s=0.1,
)

AUDIT_FEED = Feed("audit", {AUDIT: audited})

FEEDS = (UPDATES_FEED, MARKETS_FEED, ARCHIVE_FEED, AUDIT_FEED)


def updates_group(venue: str) -> str:
    """The consumer group whose committed offsets of `updates` tell what the database has."""
    return UPDATES_FEED.group(venue)
