"""The quick-starts for other teams, on a real exchange that trades while they read."""

from __future__ import annotations

import asyncio
import json
import random
import re
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest

from api.client.checksum import checksum
from infra.installation import Installation
from projections.session import Database
from tests.integration.consumers import BUILDERS, FOLDER, PYTHON, Program, running
from tests.integration.doors import wait
from tests.integration.rest import Administrator, Json, Trader

ORDERS = 120
LIMIT_S = 60
README = FOLDER / "README.md"


class Seen(NamedTuple):
    """A book as REST showed it."""

    seq: int
    checksum: int


class Floor:
    """A market where two trade at random."""

    def __init__(self, http: httpx.Client, maker: Trader, taker: Trader) -> None:
        self.http = http
        self._traders = (maker, taker)
        self._chance = random.Random(7)

    def trade(self, orders: int) -> list[Seen]:
        """Place so many; returns the book as it was after every tenth."""
        seen = []
        for number in range(1, orders + 1):
            price = 100 + self._chance.randrange(-15, 16) / 100
            side = self._chance.choice(["BUY", "SELL"])
            trader = self._chance.choice(self._traders)
            trader.limit(side, f"0.{self._chance.randrange(20, 200):03}", f"{price:.2f}")
            if number % 10 == 0:
                seen.append(self.book())
        return seen

    def book(self) -> Seen:
        shown = self.http.get("/api/v3/depth", params={"symbol": "BTCUSDT", "limit": 20}).json()
        return Seen(shown["lastUpdateId"], checksum(shown["bids"], shown["asks"]))

    def trades(self) -> list[Json]:
        asked = {"symbol": "BTCUSDT", "limit": "1000"}
        found: list[Json] = self.http.get("/api/v3/trades", params=asked).json()
        return found


@pytest.fixture(scope="module")
def floor(installation: Installation, http: httpx.Client) -> Floor:
    admin = Administrator(installation, http)
    admin.create_market()
    return Floor(http, admin.open_account(), admin.open_account())


@pytest.fixture(scope="module")
def quick_starts(
    installation: Installation, floor: Floor, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Program]]:
    """One in each language; they run before anything is traded, and while it is."""
    with ExitStack() as stack:
        programs = {}
        for language, build in BUILDERS.items():
            folder = tmp_path_factory.mktemp(language)
            command = [*build(folder, installation.settings), "BTCUSDT"]
            program = running(command, folder, language, installation.settings)
            programs[language] = stack.enter_context(program)
        yield programs


@pytest.mark.timeout(400)  # a first run compiles Go's own library too
def test_each_rebuilds_the_book_that_rest_shows_at_every_moment(
    quick_starts: dict[str, Program], floor: Floor
) -> None:
    shown = floor.trade(ORDERS)
    last = shown[-1]
    assert len(set(shown)) > 5
    for language, program in quick_starts.items():
        wait(partial(_has, program, last), LIMIT_S)
        told = {int(seq): int(crc) for _, _, seq, crc in program.lines("book")}
        assert {seq: told.get(seq) for seq, _ in shown} == dict(shown), language
        assert program.complaints() == "", language


@pytest.mark.timeout(400)
def test_each_has_every_trade_once_and_in_order(
    quick_starts: dict[str, Program], floor: Floor
) -> None:
    floor.trade(ORDERS // 4)
    traded = [[str(each["id"]), each["price"], each["qty"]] for each in floor.trades()]
    assert len(traded) > 10
    for language, program in quick_starts.items():
        wait(partial(_has_trades, program, len(traded)), LIMIT_S)
        assert [line[2:] for line in program.lines("trade")] == traded, language


def test_a_database_that_was_filled_by_killed_processes_has_each_trade_once(
    installation: Installation, floor: Floor, tmp_path: Path
) -> None:
    file = tmp_path / "trades.db"
    command = [PYTHON[0], str(FOLDER / "python" / "to_sql.py"), str(file)]
    for run in range(3):
        floor.trade(ORDERS // 4)
        traded = {each["id"] for each in floor.trades()}
        with running(command, tmp_path, f"run-{run}", installation.settings) as program:
            wait(partial(_is_kept, file, traded), LIMIT_S)
            program.kill()
    rows = _rows(file, "SELECT trade_id, price, quantity FROM trades ORDER BY trade_id")
    traded_now = [(each["id"], each["price"], each["qty"]) for each in floor.trades()]
    assert rows == traded_now
    by_hour, missing = (_rows(file, query) for query in examples("sql"))
    volume = sum(float(each["qty"]) for each in floor.trades())
    assert sum(row[3] for row in by_hour) == pytest.approx(volume)
    assert missing == []


def test_what_the_page_asks_the_database_is_answered(
    installation: Installation, floor: Floor
) -> None:
    floor.trade(ORDERS // 4)

    async def ask() -> list[list[Json]]:
        database = await Database.connect(installation.settings)
        try:
            queries = [each.replace(" FROM ", " FROM {venue}.") for each in examples("cql")]
            return [await database.execute(query) for query in queries]
        finally:
            await database.close()

    wait(lambda: all(asyncio.run(ask())), LIMIT_S)
    trades, markets, buckets, balances = asyncio.run(ask())
    assert [trade_id for trade_id, _ in trades] == list(range(1, 11))
    assert json.loads(markets[0][0])["base"] == "BTC"
    assert [bucket for bucket, _ in buckets] == [0]
    assert balances[0][:1] == ("USDT",)


def examples(language: str) -> list[str]:
    """The statements of a language on the page of the quick-starts."""
    blocks = re.findall(rf"```{language}\n(.*?)```", README.read_text(), re.DOTALL)
    assert blocks
    return [each for block in blocks for each in block.split(";") if each.strip()]


def _has(program: Program, book: Seen) -> bool:
    return any((int(seq), int(crc)) == book for _, _, seq, crc in program.lines("book"))


def _has_trades(program: Program, count: int) -> bool:
    return len(program.lines("trade")) >= count


def _is_kept(file: Path, trades: set[int]) -> bool:
    if not file.exists():
        return False
    return {row[0] for row in _rows(file, "SELECT trade_id FROM trades", missing=True)} >= trades


def _rows(file: Path, query: str, *, missing: bool = False) -> list[Json]:
    database = sqlite3.connect(file)
    try:
        return database.execute(query).fetchall()
    except sqlite3.OperationalError:
        if not missing:
            raise
        return []  # its tables are being made
    finally:
        database.close()
