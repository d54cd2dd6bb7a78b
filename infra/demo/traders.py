"""Simulated traders: makers who quote around a wandering price, takers who trade with them."""

from __future__ import annotations

import asyncio
import random
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import httpx

from infra.demo.client import Client, Refused

LATENCIES_KEPT = 2_000
QUOTES_KEPT = 6
WANDER = 0.0005
"""The reference price's standard deviation a step, as a share of it."""


@dataclass(frozen=True, slots=True)
class DemoMarket:
    """A market of the demonstration, with the price it starts at and a typical order's size."""

    symbol: str
    base: str
    quote: str
    tick: Decimal
    lot: Decimal
    price: Decimal
    size: Decimal


@dataclass(slots=True)
class Tally:
    """What the traders were told, across all of them."""

    acknowledged: dict[int, str] = field(default_factory=dict)
    """Order id to market, for each order the exchange took."""
    refused: dict[str, int] = field(default_factory=dict)
    unknown: int = 0
    """Requests whose outcome is not known: a time-out, a lost connection or a 5xx."""
    latencies_ms: deque[float] = field(default_factory=lambda: deque(maxlen=LATENCIES_KEPT))

    async def send(self, request: Awaitable[dict[str, Any]]) -> dict[str, Any] | None:
        """Await a request and note how it went; None unless it was answered with success."""
        began = time.perf_counter()
        try:
            answer = await request
        except Refused as error:
            if error.status >= 500:
                self.unknown += 1
            else:
                self.refused[str(error)] = self.refused.get(str(error), 0) + 1
            return None
        except httpx.HTTPError:
            self.unknown += 1
            return None
        self.latencies_ms.append((time.perf_counter() - began) * 1000)
        return answer


class Trader:
    """One account in one market. Makers rest quotes and take old ones back; takers cross."""

    def __init__(
        self, client: Client, market: DemoMarket, tally: Tally, dice: random.Random, *, maker: bool
    ) -> None:
        self._client = client
        self._market = market
        self._tally = tally
        self._dice = dice
        self._resting: deque[int] = deque()
        self.act: Callable[[Decimal], Awaitable[None]] = self._quote if maker else self._take

    async def _quote(self, reference: Decimal) -> None:
        side = self._dice.choice(("BUY", "SELL"))
        away = Decimal(self._dice.uniform(0.0001, 0.002)) * reference
        price = reference - away if side == "BUY" else reference + away
        order_type = self._dice.choice(("LIMIT", "LIMIT", "LIMIT_MAKER"))
        terms = {"price": _on_grid(price, self._market.tick), "quantity": self._quantity()}
        if order_type == "LIMIT":
            terms["timeInForce"] = "GTC"
        answer = await self._place(side=side, type=order_type, **terms)
        if answer is not None and answer["status"] in ("NEW", "PARTIALLY_FILLED"):
            self._resting.append(answer["orderId"])
        if len(self._resting) > QUOTES_KEPT:
            order_id = self._resting.popleft()
            await self._tally.send(self._client.cancel(self._market.symbol, order_id))

    async def _take(self, reference: Decimal) -> None:
        side = self._dice.choice(("BUY", "SELL"))
        if self._dice.random() < 0.5:
            await self._place(side=side, type="MARKET", quantity=self._quantity())
            return
        reach = Decimal("1.002") if side == "BUY" else Decimal("0.998")
        await self._place(
            side=side,
            type="LIMIT",
            timeInForce=self._dice.choice(("IOC", "IOC", "FOK")),
            price=_on_grid(reference * reach, self._market.tick),
            quantity=self._quantity(),
        )

    async def _place(self, **order: str) -> dict[str, Any] | None:
        answer = await self._tally.send(
            self._client.place(symbol=self._market.symbol, newOrderRespType="RESULT", **order)
        )
        if answer is not None:
            self._tally.acknowledged[answer["orderId"]] = self._market.symbol
        return answer

    def _quantity(self) -> str:
        return _on_grid(self._market.size * Decimal(self._dice.uniform(0.2, 2.0)), self._market.lot)

    async def withdraw_quotes(self) -> None:
        """Cancel everything of this account that still rests in the market."""
        for order in await self._client.open_orders(self._market.symbol):
            await self._tally.send(self._client.cancel(self._market.symbol, order["orderId"]))


class Floor:
    """All traders of one market, acting in turn around one reference price at a steady pace."""

    def __init__(self, market: DemoMarket, traders: list[Trader], dice: random.Random) -> None:
        self._market = market
        self._traders = traders
        self._dice = dice
        self._reference = market.price

    async def run(self, orders_per_second: float, stop: asyncio.Event) -> None:
        """Let the traders act until told to stop; each waits for its answer before it goes on."""
        pause_s = len(self._traders) / orders_per_second
        async with asyncio.TaskGroup() as group:
            for trader in self._traders:
                group.create_task(self._act(trader, pause_s, stop))

    async def _act(self, trader: Trader, pause_s: float, stop: asyncio.Event) -> None:
        while not stop.is_set():
            self._reference *= Decimal(1 + self._dice.gauss(0, WANDER))
            await trader.act(self._reference)
            pause = self._dice.expovariate(1 / pause_s)
            try:
                await asyncio.wait_for(stop.wait(), pause)
            except TimeoutError:
                continue

    async def close(self) -> None:
        """Take all quotes back, so that the next demonstration starts with an empty book."""
        for trader in self._traders:
            await trader.withdraw_quotes()


def _on_grid(value: Decimal, step: Decimal) -> str:
    return str((value // step) * step or step)
