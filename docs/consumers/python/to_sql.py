"""Keep every trade of an installation in an SQL database, exactly once, whatever dies when.

    KAFKA=localhost:9092 python to_sql.py trades.db

The other settings are those of book.py, beside this file. What is made of a batch, how far it
goes and the last event of each market are written in one transaction, so that a crash repeats
nothing and loses nothing. Another database than SQLite differs in how it is connected to.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
import sys
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from book import consumer, topic

SCHEMA = """
CREATE TABLE IF NOT EXISTS trades (
    market TEXT, trade_id INTEGER, seq INTEGER, time INTEGER,
    price TEXT, quantity TEXT, quote_quantity TEXT, taker_side TEXT,
    PRIMARY KEY (market, trade_id)
);
CREATE TABLE IF NOT EXISTS positions (
    topic TEXT, number INTEGER, next INTEGER, PRIMARY KEY (topic, number)
);
CREATE TABLE IF NOT EXISTS watermarks (source TEXT PRIMARY KEY, seq INTEGER);
"""
INSERT = """INSERT INTO trades VALUES (
    :market, :trade_id, :seq, :time, :price, :quantity, :quote_quantity, :taker_side
)"""  # not OR IGNORE: should a duplicate come this far, it is an error
ADVANCE = "INSERT OR REPLACE INTO positions VALUES (?, ?, ?)"
MARK = "INSERT OR REPLACE INTO watermarks VALUES (?, ?)"
RECORDS_MAX = 500
POLL_MS = 1_000


def take(database: sqlite3.Connection, place: TopicPartition, records: list[Any]) -> None:
    """Write a partition's records; all or nothing."""
    with database:  # commits, or rolls back on an exception
        marks: dict[str, int] = dict(database.execute("SELECT source, seq FROM watermarks"))
        for record in records:
            source = dict(record.headers)["ce_source"].decode()
            trade = json.loads(record.value)
            if trade["seq"] <= marks.get(source, 0):
                continue  # a duplicate
            database.execute(INSERT, trade)
            marks[source] = trade["seq"]
        database.executemany(MARK, marks.items())
        database.execute(ADVANCE, (place.topic, place.partition, records[-1].offset + 1))


def seek(database: sqlite3.Connection, trades: AIOKafkaConsumer) -> None:
    """Go on where the database stands; at the beginning where it has nothing."""
    mine = trades.assignment()  # every partition, as there is no group to share them with
    for name, number, offset in database.execute("SELECT topic, number, next FROM positions"):
        if (place := TopicPartition(name, number)) in mine:
            trades.seek(place, offset)


async def main(file: str) -> None:
    database = sqlite3.connect(file)
    database.execute("PRAGMA journal_mode=WAL")
    database.executescript(SCHEMA)
    async with consumer(topic("trades")) as trades:
        seek(database, trades)
        while True:
            polled = await trades.getmany(timeout_ms=POLL_MS, max_records=RECORDS_MAX)
            for place, records in polled.items():
                take(database, place, records)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
