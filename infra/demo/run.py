"""A demonstration from start to verdict."""

from __future__ import annotations

import asyncio
import random
import signal
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import httpx
from rich.console import Console

from infra.admin import Admin
from infra.demo import ground, verdict
from infra.demo.client import Client
from infra.demo.display import Display, Scene, print_summary
from infra.demo.doors import KafkaDoor, WebSocketDoor
from infra.demo.ground import FUNDS, MARKETS
from infra.demo.seen import SeenTrade
from infra.demo.traders import Floor, Tally, Trader
from infra.installation import Installation
from projections.queries import Queries, Window
from streams.messages import MarketId, parse_units

MAKERS, TAKERS = 3, 2
"""Traders in each market."""

REQUEST_TIMEOUT_S = 10.0
SETTLE_LIMIT_S = 30.0
POLL_S = 0.1
TRADES_PER_READ = 1000
WEIGHT_PER_ORDER = 3
"""An order and its cancel weigh 1 each; the rest is left to others on the same machine."""


@dataclass(slots=True)
class Doors:
    """The doors as the demonstration watches them."""

    kafka: KafkaDoor
    socket: WebSocketDoor
    database: Queries
    before: Mapping[str, int] = field(default_factory=dict)


async def demonstrate(
    installation: Installation, console: Console, seconds: float | None, rate: float
) -> bool:
    """Let traders trade for so long, or until cancelled; says whether all that must hold did."""
    settings = installation.settings
    rate = await _affordable_rate(installation, console, rate)
    tally = Tally()
    scene = Scene(_addresses(installation), tally)
    with Admin.of(installation) as admin:
        await asyncio.to_thread(ground.register_markets, admin)
        doors = Doors(
            KafkaDoor(settings),
            WebSocketDoor(installation.ws_url, [market.symbol for market in MARKETS]),
            await Queries.connect(settings),
        )
        try:
            await doors.kafka.connect()
            await _until(doors.kafka.is_projected, "the projections to catch up")
            doors.before = await doors.database.totals()
            await doors.kafka.start_here()
            async with asyncio.TaskGroup() as listening:
                tasks = [
                    listening.create_task(doors.kafka.listen()),
                    listening.create_task(doors.socket.listen(scene.show_trade)),
                ]
                async with asyncio.timeout(REQUEST_TIMEOUT_S):
                    await doors.socket.connected.wait()
                count = (MAKERS + TAKERS) * len(MARKETS)
                keys = await asyncio.to_thread(ground.fund_accounts, admin, count)
                await _trade(installation, keys, tally, scene, doors, console, seconds, rate)
                checks = await _verdict(tally, doors, count)
                for task in tasks:
                    task.cancel()
        finally:
            await doors.database.close()
    print_summary(console, tally, checks)
    return all(check.holds for check in checks)


async def _affordable_rate(installation: Installation, console: Console, rate: float) -> float:
    """Orders a second, with their cancels, that a venue's limit on request weight leaves room for.

    A venue that the demonstration has started itself has no limit.
    """
    async with httpx.AsyncClient(base_url=installation.api_url, timeout=REQUEST_TIMEOUT_S) as http:
        answer = await http.get("/api/v3/exchangeInfo")
    limits = answer.raise_for_status().json()["rateLimits"]
    weights = (each["limit"] for each in limits if each["rateLimitType"] == "REQUEST_WEIGHT")
    affordable = min((limit / 60 / WEIGHT_PER_ORDER for limit in weights), default=rate)
    if affordable < rate:
        console.print(f"this venue's limits leave room for {affordable:.0f} orders a second")
    return min(rate, affordable)


async def _trade(
    installation: Installation,
    keys: list[tuple[str, str]],
    tally: Tally,
    scene: Scene,
    doors: Doors,
    console: Console,
    seconds: float | None,
    rate: float,
) -> None:
    """Run the traders and show what happens, then take their quotes back."""
    stop = asyncio.Event()
    dice = random.Random()
    limits = httpx.Limits(max_connections=len(keys))
    async with httpx.AsyncClient(
        base_url=installation.api_url, timeout=REQUEST_TIMEOUT_S, limits=limits
    ) as http:
        clients = [Client(http, key, secret) for key, secret in keys]
        floors = [_floor(number, clients, tally, dice) for number in range(len(MARKETS))]
        async with asyncio.TaskGroup() as trading:
            for floor in floors:
                trading.create_task(floor.run(rate / len(floors), stop))
            trading.create_task(_show(scene, doors, console, stop))
            with suppress(TimeoutError), _interrupted_by(stop):
                await asyncio.wait_for(stop.wait(), seconds)
            stop.set()
        for floor in floors:
            await floor.close()


@contextmanager
def _interrupted_by(stop: asyncio.Event) -> Iterator[None]:
    """While in this block, Ctrl-C and SIGTERM set the event and do nothing else."""
    loop = asyncio.get_running_loop()
    signals = (signal.SIGINT, signal.SIGTERM)
    for number in signals:
        loop.add_signal_handler(number, stop.set)
    try:
        yield
    finally:
        for number in signals:
            loop.remove_signal_handler(number)


def _floor(number: int, clients: list[Client], tally: Tally, dice: random.Random) -> Floor:
    market = MARKETS[number]
    each = MAKERS + TAKERS
    traders = [
        Trader(client, market, tally, dice, maker=place < MAKERS)
        for place, client in enumerate(clients[number * each : (number + 1) * each])
    ]
    return Floor(market, traders, dice)


async def _show(scene: Scene, doors: Doors, console: Console, stop: asyncio.Event) -> None:
    began = shown = time.monotonic()
    acknowledged = 0
    with Display(console, scene) as display:
        while not stop.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), 1.0)
            now, total = time.monotonic(), len(scene.tally.acknowledged)
            scene.orders_per_second = (total - acknowledged) / (now - shown)
            scene.elapsed_s = now - began
            scene.trades = {
                "WebSocket": len(doors.socket.collected.trades),
                "Kafka": len(doors.kafka.collected.trades),
            }
            acknowledged, shown = total, now
            display.refresh()


async def _verdict(tally: Tally, doors: Doors, accounts: int) -> list[verdict.Check]:
    """Wait until nothing is on its way any more, then hold the doors against each other."""

    async def arrived() -> bool:
        kafka, socket = doors.kafka.collected.trades, doors.socket.collected.trades
        known = tally.acknowledged.keys() <= doors.kafka.orders.keys()
        return known and doors.kafka.is_settled and len(socket) >= len(kafka)

    with suppress(TimeoutError):  # what did not arrive, the checks name
        await _until(arrived, "settlements")
        await _until(doors.kafka.is_projected, "projections")
    kafka = doors.kafka.collected.trades
    deposited = {asset: accounts * parse_units(str(amount)) for asset, amount in FUNDS.items()}
    return [
        verdict.every_order_has_an_outcome(tally.acknowledged, doors.kafka.orders),
        verdict.doors_agree(
            {
                "WebSocket": doors.socket.collected.trades,
                "Kafka": kafka,
                "the database": await _trades_in_database(doors.database, kafka),
            }
        ),
        verdict.none_told_twice(
            {"WebSocket": doors.socket.collected.twice, "Kafka": doors.kafka.collected.twice}
        ),
        verdict.money_is_conserved(
            doors.before, await doors.database.totals(), deposited, doors.kafka.fees
        ),
    ]


async def _trades_in_database(
    database: Queries, like: Mapping[tuple[str, int], SeenTrade]
) -> dict[tuple[str, int], SeenTrade]:
    """What the database holds of the markets from the first of these trades on."""
    found: dict[tuple[str, int], SeenTrade] = {}
    for market in {market for market, _ in like}:
        first: int | None = min(number for name, number in like if name == market)
        while first is not None:
            window = Window(limit=TRADES_PER_READ, first=first)
            page = await database.trades(MarketId(market), window)
            for trade in page:
                seen = SeenTrade(market, trade.trade_id, trade.price, trade.quantity)
                found[market, trade.trade_id] = seen
            first = page[-1].trade_id + 1 if len(page) == TRADES_PER_READ else None
    return found


async def _until(holds: Callable[[], Awaitable[bool]], what: str) -> None:
    """Wait for a condition. Raises `TimeoutError` saying what was waited for."""
    try:
        async with asyncio.timeout(SETTLE_LIMIT_S):
            while not await holds():  # noqa: ASYNC110 - it asks another process
                await asyncio.sleep(POLL_S)
    except TimeoutError as error:
        raise TimeoutError(f"waited {SETTLE_LIMIT_S:.0f} s for {what}") from error


def _addresses(installation: Installation) -> dict[str, str]:
    return {
        "REST": f"{installation.api_url}/docs",
        "WebSocket": f"{installation.ws_url}/ws/btcusdt@trade",
        "Kafka": str(installation.settings.kafka),
        "CQL": str(installation.settings.cql),
    }
