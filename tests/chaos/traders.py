"""Traders who write down what they are told, and hold the exchange to it afterwards."""

from __future__ import annotations

import asyncio
import random
import secrets
import time
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from typing import Any

import httpx

from infra.demo.client import Client, Refused

OPEN = ("NEW", "PARTIALLY_FILLED")
PACE_S = 0.15
UNKNOWN_PAUSE_S = 0.5
ANSWER_LIMIT_S = 60.0
"""How long an exchange that is up again may go on saying that it can't tell of an order."""

NO_SUCH_ORDER = -2013
PRICE = Decimal(1000)


class Told(Enum):
    """What a trader knows of an order."""

    TAKEN = "taken"
    REFUSED = "refused"
    UNKNOWN = "unknown"


@dataclass(slots=True)
class Entry:
    """A trader's own record of one order."""

    symbol: str
    told: Told
    status: str = ""
    executed: Decimal = Decimal(0)
    asked_to_cancel: bool = False
    """A cancel was sent, and how it ended is not known."""


class Trader:
    """One account, trading at random in several markets."""

    def __init__(self, client: Client, symbols: tuple[str, ...], dice: random.Random) -> None:
        self._client = client
        self._symbols = symbols
        self._dice = dice
        self.book: dict[str, Entry] = {}

    async def trade(self, stop: asyncio.Event) -> None:
        """Place and cancel until told to stop; a request that fails is left unknown."""
        while not stop.is_set():
            resting = [
                name
                for name, entry in self.book.items()
                if entry.told is Told.TAKEN and entry.status in OPEN and not entry.asked_to_cancel
            ]
            if resting and self._dice.random() < 0.35:
                known = await self._cancel(self._dice.choice(resting))
            else:
                known = await self._place()
            await asyncio.sleep(PACE_S if known else UNKNOWN_PAUSE_S)

    async def _place(self) -> bool:
        name = secrets.token_hex(10)
        symbol = self._dice.choice(self._symbols)
        entry = self.book[name] = Entry(symbol, Told.UNKNOWN)
        try:
            answer = await self._client.place(
                symbol=symbol,
                newClientOrderId=name,
                newOrderRespType="RESULT",
                side=self._dice.choice(("BUY", "SELL")),
                **self._terms(),
            )
        except (Refused, httpx.HTTPError, ValueError) as error:
            if _is_definite(error):
                entry.told = Told.REFUSED
            return _is_definite(error)
        entry.told = Told.TAKEN
        _note(entry, answer)
        return True

    def _terms(self) -> dict[str, str]:
        quantity = str(Decimal(self._dice.randint(1, 200)) / 1000)
        if self._dice.random() < 0.15:
            return {"type": "MARKET", "quantity": quantity}
        price = PRICE + Decimal(self._dice.randint(-300, 300)) / 100
        tif = self._dice.choice(("GTC", "GTC", "GTC", "IOC", "FOK"))
        return {"type": "LIMIT", "timeInForce": tif, "price": str(price), "quantity": quantity}

    async def _cancel(self, name: str) -> bool:
        entry = self.book[name]
        entry.asked_to_cancel = True
        try:
            answer = await self._client.cancel_by_name(entry.symbol, name)
        except (Refused, httpx.HTTPError, ValueError) as error:
            # Refused, it was not open any more: how it ended is for the exchange to say.
            return _is_definite(error)
        _note(entry, answer)
        return True

    async def reconcile(self) -> list[str]:
        """Hold the exchange to what was told of each order; what it says now is told from here on.

        Returns what contradicts.
        """
        wrong: list[str] = []
        for name, entry in self.book.items():
            now = await self._now(entry.symbol, name)
            wrong += [f"{entry.symbol} {name}: {fault}" for fault in contradictions(entry, now)]
            if now is not None:
                entry.told = Told.REFUSED if now["status"] == "REJECTED" else Told.TAKEN
                _note(entry, now)
            elif entry.told is Told.UNKNOWN:
                entry.told = Told.REFUSED  # it never reached the log, and can't any more
            entry.asked_to_cancel = False
        return wrong

    async def _now(self, symbol: str, name: str) -> dict[str, Any] | None:
        """The order as the exchange knows it, None where it has no such order.

        Right after harm a view may lag, and the answer is then a 5xx: unknown, so ask again.
        """
        deadline = time.monotonic() + ANSWER_LIMIT_S
        while True:
            try:
                return await self._client.order(symbol, name)
            except (Refused, httpx.HTTPError) as error:
                if isinstance(error, Refused) and error.code == NO_SUCH_ORDER:
                    return None
                if _is_definite(error) or time.monotonic() > deadline:
                    raise
            await asyncio.sleep(UNKNOWN_PAUSE_S)


def contradictions(entry: Entry, now: dict[str, Any] | None) -> list[str]:
    """What the exchange says now of an order that can't be, given what it told before."""
    if now is None:
        return ["was taken, and is not known"] if entry.told is Told.TAKEN else []
    status, executed = now["status"], Decimal(now["executedQty"])
    if entry.told is Told.REFUSED:
        return [] if status == "REJECTED" else [f"was refused, and is {status}"]
    if entry.told is Told.UNKNOWN:
        return []
    if entry.status not in OPEN:
        if (status, executed) == (entry.status, entry.executed):
            return []
        return [f"had ended {entry.status} with {entry.executed}, is {status} with {executed}"]
    if executed < entry.executed:
        return [f"had {entry.executed} executed, has {executed}"]
    if status == "CANCELED" and not entry.asked_to_cancel:
        return ["was cancelled, and nobody asked for it"]
    return []


def _note(entry: Entry, answer: dict[str, Any]) -> None:
    entry.status = answer["status"]
    entry.executed = Decimal(answer["executedQty"])


def _is_definite(error: Exception) -> bool:
    """Whether an error says that the request did nothing: a 5xx and a time-out do not."""
    return isinstance(error, Refused) and error.status < 500
