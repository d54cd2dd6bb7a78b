"""The broker's data is deleted; the exchange goes on from its database.

On an installation of its own: a broker that other tests use can't lose its data.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiokafka import TopicPartition

from infra.admin import Admin
from infra.demo.client import Client
from infra.installation import Installation, find
from infra.kafka.consumer import consuming
from infra.settings import Settings
from projections.archive import COMMAND_LOG
from projections.epoch import epoch_of
from projections.session import Database
from streams.messages.epoch import OFFSETS_PER_EPOCH, RECOVERY_JUMP
from streams.topics import COMMANDS
from tests.integration.projecting import becomes
from tests.integration.rest import Trader, limit_order

SYMBOL = "BTCUSDT"
LIMIT_S = 180
TRADES = 12
TICKER_LIMIT_S = 5.0

pytestmark = [pytest.mark.servers, pytest.mark.timeout(900)]


@dataclass
class Venue:
    """An installation whose broker can be made to forget, and two who trade there."""

    home: Path

    def run(self, *arguments: str, expected: int = 0) -> str:
        environment = {
            name: value for name, value in os.environ.items() if name not in ("KAFKA", "CQL")
        } | {
            "VELOCITY_HOME": str(self.home),
            "VELOCITY_API_PORT": "0",
            "VELOCITY_WS_PORT": "0",
            "VELOCITY_MARKET_PARTITIONS": "2",
        }
        done = subprocess.run(
            [sys.executable, "-m", "infra.cli", *arguments],
            env=environment,
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
            check=False,
            cwd=Path(__file__).parents[2],
        )
        assert done.returncode == expected, f"{arguments}:\n{done.stdout}\n{done.stderr}"
        return done.stdout if expected == 0 else done.stderr

    @property
    def installation(self) -> Installation:
        unset: dict[str, object] = {"home": self.home, "kafka": None, "cql": None}
        return find(Settings().model_copy(update=unset | {"market_partitions": 2}))

    def lose_the_broker(self) -> None:
        """Stop everything, and delete what the broker kept."""
        self.run("down")
        shutil.rmtree(self.home / "kafka" / "data")

    def recover(self) -> dict[str, Any]:
        report: dict[str, Any] = json.loads(self.run("recover", "--json"))
        self.run("up")
        return report


@pytest.fixture(scope="module")
def venue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Venue]:
    """Up, with a market and with alice and bob, who have money."""
    venue = Venue(tmp_path_factory.mktemp("recovery"))
    try:
        venue.run("up")
        with Admin.of(venue.installation) as admin:
            terms = {"base": "BTC", "quote": "USDT", "tick": "0.01", "lot": "0.001"}
            fees = {"min_notional": "1", "maker_fee_bps": 10, "taker_fee_bps": 20}
            admin.create_market(symbol=SYMBOL, **terms, **fees)
        yield venue
    finally:
        venue.run("down")


@dataclass
class Told:
    """What the REST door tells when all is quiet."""

    balances: list[Any]
    open_orders: list[Any]
    depth: list[Any]
    ticker: dict[str, Any]
    last_trade: int


class Traders:
    """Two clients of the REST door."""

    def __init__(self, venue: Venue, http: httpx.AsyncClient, keys: list[tuple[str, str]]) -> None:
        self._http = http
        self.alice, self.bob = (Client(http, key, secret) for key, secret in keys)

    async def order(self, client: Client, side: str, price: str, quantity: str) -> dict[str, Any]:
        return await client.place(
            symbol=SYMBOL,
            side=side,
            type="LIMIT",
            timeInForce="GTC",
            price=price,
            quantity=quantity,
            newOrderRespType="FULL",
        )

    async def ticker(self, last_trade: int) -> dict[str, Any]:
        """The ticker, once it tells of this trade: it follows trades a tenth of a second later."""
        async with asyncio.timeout(TICKER_LIMIT_S):
            while True:
                answer = await self._http.get("/api/v3/ticker/24hr", params={"symbol": SYMBOL})
                ticker: dict[str, Any] = answer.json()
                if ticker["lastId"] == last_trade:
                    return ticker
                await asyncio.sleep(0.02)

    async def told(self) -> Told:
        accounts = [
            await client._signed("GET", "/api/v3/account", {}) for client in (self.alice, self.bob)
        ]
        depth = (await self._http.get("/api/v3/depth", params={"symbol": SYMBOL})).json()
        trades = (await self._http.get("/api/v3/trades", params={"symbol": SYMBOL})).json()
        ticker = await self.ticker(trades[-1]["id"])
        return Told(
            [account["balances"] for account in accounts],
            [await client.open_orders(SYMBOL) for client in (self.alice, self.bob)],
            [depth["bids"], depth["asks"]],
            ticker,
            trades[-1]["id"],
        )


def traders_keys(venue: Venue) -> list[tuple[str, str]]:
    """Two new accounts with money; their keys."""
    keys = []
    with Admin.of(venue.installation) as admin:
        number = len(admin.accounts())
        for name in (f"alice{number}", f"bob{number}"):
            admin.create_account(name)
            admin.deposit(name, "BTC", "50")
            admin.deposit(name, "USDT", "100000")
            key = admin.create_key(name)
            keys.append((key["api_key"], key["api_secret"]))
    return keys


def connected(venue: Venue) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=venue.installation.api_url, timeout=30)


def sent_with_a_key(venue: Venue, key: tuple[str, str]) -> httpx.Response:
    """The answer to an order that bears an idempotency key, always the same."""
    with httpx.Client(base_url=venue.installation.api_url, timeout=30) as http:
        trader = Trader(http, "bob", *key)
        return trader.send("POST", "order", "kept", **limit_order("BUY", "1", "50"))


async def test_nothing_is_lost_of_what_was_archived(venue: Venue) -> None:
    keys = traders_keys(venue)
    async with connected(venue) as http:
        traders = Traders(venue, http, keys)
        for _ in range(TRADES):
            await traders.order(traders.alice, "SELL", "100", "0.5")
            await traders.order(traders.bob, "BUY", "100", "0.5")
        resting = await traders.order(traders.alice, "SELL", "110", "3")
        await traders.order(traders.bob, "BUY", "110", "1")
        bid = await traders.order(traders.bob, "BUY", "90", "2")
        kept = sent_with_a_key(venue, keys[1]).json()
        assert kept["status"] == "NEW"
        before = await traders.told()
    assert "still run" in venue.run("recover", expected=1)

    venue.lose_the_broker()
    report = venue.recover()

    assert report["epoch"] == 1
    assert not report["lost"]
    assert not report["orders"]
    assert not report["trades"]
    async with connected(venue) as http:
        traders = Traders(venue, http, keys)
        assert await traders.told() == before
        # What the retry was told before is gone with the log; that it is a retry is known.
        assert sent_with_a_key(venue, keys[1]).json()["code"] == -1007
        assert await traders.told() == before
        # What rested can be cancelled, and filled; names go on above all there were.
        cancelled = await traders.alice.cancel(SYMBOL, resting["orderId"])
        assert (cancelled["status"], cancelled["executedQty"]) == ("CANCELED", "1.00000000")
        filled = await traders.order(traders.alice, "SELL", "90", "2")
        assert filled["status"] == "FILLED"
        assert filled["orderId"] > max(resting["orderId"], bid["orderId"])
        assert filled["fills"][0]["tradeId"] > before.last_trade + RECOVERY_JUMP
        left = await traders.bob.open_orders(SYMBOL)
        assert [order["orderId"] for order in left] == [kept["orderId"]]
    assert "all" in venue.run("verify")
    venue.run("down")
    assert "has not lost its data" in venue.run("recover", expected=1)
    venue.run("up")


async def forget_archived(settings: Settings, partition: int, frames: int) -> None:
    """Delete the newest frames of a partition of `commands`, as if they had not been archived.

    All that the log has is in the archive first: what came later would be there after all.
    """
    database = await Database.connect(settings)
    place = TopicPartition(COMMANDS.name(settings.venue), partition)
    async with consuming(settings.broker) as log:
        physical = (await log.end_offsets([place]))[place]
    end = (await epoch_of(database)).logical(physical)
    await becomes(lambda: COMMAND_LOG.end(database, partition), end)
    for offset in range(end - frames, end):
        await database.execute(
            "DELETE FROM {venue}.command_log WHERE partition = ? AND bucket = ? AND offset = ?",
            (partition, offset // 4096, offset),
        )
    assert await COMMAND_LOG.end(database, partition) == end - frames
    await database.close()


async def test_archives_that_end_at_different_places_are_cut_to_fit(venue: Venue) -> None:
    keys = traders_keys(venue)
    async with connected(venue) as http:
        traders = Traders(venue, http, keys)
        for _ in range(TRADES):
            await traders.order(traders.alice, "SELL", "100", "0.5")
            await traders.order(traders.bob, "BUY", "100", "0.5")
        before = await traders.told()
        await traders.order(traders.alice, "SELL", "120", "1")
    await forget_archived(venue.installation.settings, partition=0, frames=9)

    venue.lose_the_broker()
    report = venue.recover()

    # The market's archive was whole, but has orders of the part that its ledger lost.
    cut = {machine["machine"]: machine for machine in report["machines"]}
    assert cut["matching:0"]["left_out"] or cut["matching:1"]["left_out"]
    assert report["epoch"] == 2
    assert all(machine["cut"] >= OFFSETS_PER_EPOCH for machine in report["machines"])
    assert report["lost"]
    assert report["trades"]
    # Holds, settlements, read models, books and money agree, whatever was lost.
    assert "all" in venue.run("verify")
    async with connected(venue) as http:
        traders = Traders(venue, http, keys)
        await traders.order(traders.alice, "SELL", "100", "0.5")
        bought = await traders.order(traders.bob, "BUY", "100", "0.5")
        assert bought["fills"][-1]["tradeId"] > before.last_trade + RECOVERY_JUMP
    assert "all" in venue.run("verify")
