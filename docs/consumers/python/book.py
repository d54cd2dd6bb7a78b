"""Follow a market: print its trades, and after each change of its book the book's checksum.

    pip install aiokafka
    KAFKA=localhost:9092 python book.py BTCUSDT

VENUE names the installation (`velocity`). With KAFKA_USER and KAFKA_PASSWORD it logs in by
SCRAM-SHA-512, over TLS where KAFKA_CA names the file of the broker's authority.
"""

from __future__ import annotations

import asyncio
import heapq
import json
import os
import sys
import zlib
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.helpers import create_ssl_context

VENUE = os.environ.get("VENUE", "velocity")
FIND_LIMIT_S = 30


def topic(name: str) -> str:
    return f"{VENUE}.{name}.v1"


def units(amount: str) -> int:
    """An amount as a whole number: all have eight decimals."""
    return int(amount.replace(".", ""))


class Book:
    """A market's book: see "How to rebuild a book" in docs/topics.md."""

    def __init__(self) -> None:
        self.seq: int | None = None  # None while there is no book
        self.bids: dict[int, int] = {}
        self.asks: dict[int, int] = {}

    def take(self, depth: dict[str, Any]) -> bool:
        """Whether the record changed the book."""
        if depth["kind"] == "snapshot":
            if self.seq is not None and depth["seq"] < self.seq:
                return False
            self.bids, self.asks = {}, {}
        elif self.seq is None or depth["seq"] <= self.seq:
            return False
        elif depth["first_seq"] > self.seq + 1:
            print(f"diffs are missing after {self.seq}; waiting for a snapshot", file=sys.stderr)
            self.seq = None
            return False
        for side, levels in ((self.bids, depth["bids"]), (self.asks, depth["asks"])):
            for price, quantity in levels:
                side[units(price)] = units(quantity)
                if not side[units(price)]:
                    del side[units(price)]
        self.seq = depth["seq"]
        return True

    def checksum(self) -> int:
        """Kraken's: asks from low to high, bids from high to low, ten of each."""
        best = [(price, self.asks[price]) for price in heapq.nsmallest(10, self.asks)]
        best += [(price, self.bids[price]) for price in heapq.nlargest(10, self.bids)]
        return zlib.crc32("".join(f"{price}{quantity}" for price, quantity in best).encode())


def consumer(*topics: str) -> AIOKafkaConsumer:
    """One without a group, which follows all of these topics, or what it assigns itself, from
    the beginning.
    """
    options: dict[str, Any] = {}
    if "KAFKA_USER" in os.environ:
        ca = os.environ.get("KAFKA_CA")
        options = {
            "security_protocol": "SASL_SSL" if ca else "SASL_PLAINTEXT",
            "ssl_context": create_ssl_context(cafile=ca) if ca else None,
            "sasl_mechanism": "SCRAM-SHA-512",
            "sasl_plain_username": os.environ["KAFKA_USER"],
            "sasl_plain_password": os.environ["KAFKA_PASSWORD"],
        }
    return AIOKafkaConsumer(
        *topics,
        bootstrap_servers=os.environ.get("KAFKA", "localhost:9092"),
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        **options,
    )


async def partition_of(market: str) -> int:
    """Where the market is in the other topics: `markets` says."""
    async with asyncio.timeout(FIND_LIMIT_S), consumer(topic("markets")) as markets:
        async for record in markets:
            configuration = json.loads(record.value)
            if configuration["market"] == market:
                return int(configuration["partition"])
    raise LookupError(market)


async def follow(market: str) -> None:
    book, last_trade = Book(), 0
    partition = await partition_of(market)
    async with consumer() as records:
        places = [TopicPartition(topic(name), partition) for name in ("trades", "depth")]
        records.assign(places)
        async for record in records:
            event = json.loads(record.value)
            if event["market"] != market:
                continue  # it shares the partition
            if record.topic == topic("depth"):
                if book.take(event):
                    print("book", market, book.seq, book.checksum(), flush=True)
            elif event["seq"] > last_trade:  # else a duplicate
                last_trade = event["seq"]
                told = (event["trade_id"], event["price"], event["quantity"])
                print("trade", market, *told, flush=True)


if __name__ == "__main__":
    asyncio.run(follow(sys.argv[1]))
