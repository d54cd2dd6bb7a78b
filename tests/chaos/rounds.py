"""Rounds of chaos: trade and harm, let everything come back, then hold it to account."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from pathlib import Path

import httpx

from infra.admin import Admin
from infra.demo.client import Client
from tests.chaos.faults import FAULTS
from tests.chaos.traders import Trader
from tests.chaos.venue import Venue, open_accounts

SYMBOLS = ("AAAUSDT", "BBBUSDT", "CCCUSDT")
FUNDS = {"USDT": "1000000", "AAA": "1000", "BBB": "1000", "CCC": "1000"}
TRADERS = 8
REQUEST_TIMEOUT_S = 8.0
HARMED_S = 15.0
BETWEEN_FAULTS_S = (1.0, 4.0)
CALM_S = 3.0

Say = Callable[[str], None]


class Contradiction(AssertionError):
    """The exchange does not hold to what it told, or to its log."""


async def run(home: Path, rounds: int, seed: int, say: Say) -> int:
    """Run so many rounds on an installation of its own; returns how many orders were held to.

    Raises `Contradiction` with what was found, and how to repeat the run.
    """
    dice = random.Random(seed)
    venue = Venue(home)
    try:
        installation = await venue.revive()
        with Admin.of(installation) as admin:
            keys = await asyncio.to_thread(_prepare, admin)
        async with httpx.AsyncClient(
            base_url=installation.api_url, timeout=REQUEST_TIMEOUT_S
        ) as http:
            traders = [Trader(Client(http, *key), SYMBOLS, dice) for key in keys]
            for number in range(1, rounds + 1):
                began = time.monotonic()
                harm = await _harmed(venue, traders, dice)
                wrong = await _held_to_account(venue, traders)
                orders = sum(len(trader.book) for trader in traders)
                took = time.monotonic() - began
                say(f"round {number}: {'; '.join(harm)}. {orders} orders so far, {took:.0f} s")
                if wrong:
                    found = "\n".join(wrong[:20])
                    raise Contradiction(f"seed {seed}, round {number}:\n{found}")
            return orders
    finally:
        await asyncio.to_thread(venue.close)


def _prepare(admin: Admin) -> list[tuple[str, str]]:
    for symbol in SYMBOLS:
        admin.create_market(
            symbol=symbol,
            base=symbol.removesuffix("USDT"),
            quote="USDT",
            tick="0.01",
            lot="0.001",
            maker_fee_bps=5,
            taker_fee_bps=10,
        )
    return open_accounts(admin, TRADERS, FUNDS)


async def _harmed(venue: Venue, traders: list[Trader], dice: random.Random) -> list[str]:
    """Let the traders trade while harm is done; returns once all runs again and they rest."""
    stop = asyncio.Event()
    harm: list[str] = []
    async with asyncio.TaskGroup() as group:
        for trader in traders:
            group.create_task(trader.trade(stop))
        until = time.monotonic() + HARMED_S
        while time.monotonic() < until:
            await asyncio.sleep(dice.uniform(*BETWEEN_FAULTS_S))
            harm.append(await dice.choice(FAULTS)(venue, dice))
            await venue.revive()
        await asyncio.sleep(CALM_S)
        stop.set()
    await venue.revive()
    return harm


async def _held_to_account(venue: Venue, traders: list[Trader]) -> list[str]:
    faults = await asyncio.gather(*(trader.reconcile() for trader in traders))
    return [fault for of_trader in faults for fault in of_trader] + await venue.verify()
