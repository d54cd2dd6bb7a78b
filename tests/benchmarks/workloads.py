"""Five kinds of market, as the commands that a market would take off its log.

All are made of the same clients' habits, in other proportions: limit orders a few ticks from the
price, most of them withdrawn soon after they came, some replaced, and takers. What differs is how
deep the book is, where the price goes, and who panics. Made beforehand, from a seed: the same
commands on every machine.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from random import Random
from typing import NamedTuple

from streams.messages import FRAME_COMMANDS_MAX, FRAME_VERSION, Frame, Sequence, Side, encode_frame
from tests.benchmarks.clients import MID, Clients, Command

COMMANDS = 200_000


class Workload(NamedTuple):
    """Records of `orders`: those that open the book, and those that are measured."""

    opening: list[bytes]
    frames: list[bytes]


def normal(clients: Clients, count: int) -> None:
    """A thousand levels of ten orders; the price wanders.

    Half of the commands place an order, some eight ticks from the price; as many orders are
    withdrawn as do not trade, mostly within a hundred commands; one command in twenty takes.
    """
    mid = MID
    spread_out(clients, mid, orders=count // 20, levels=count // 200)
    for _ in clients.send(count):
        mid += _step(clients.rng, 0.02)
        habits(clients, mid)


def deep(clients: Clients, count: int) -> None:
    """200,000 orders on 10,000 levels, and a price that stands.

    Half of what is placed and of what is withdrawn is anywhere in the book.
    """
    spread_out(clients, MID, orders=count, levels=count // 20)
    for _ in clients.send(count):
        dice = clients.rng.random()
        if dice < 0.24:
            clients.near(MID, 8)
        elif dice < 0.48:
            clients.at(MID, 1 + clients.rng.randrange(count // 40))
        elif dice < 0.71:
            clients.cancel_recent()
        elif dice < 0.94:
            clients.cancel_any()
        else:
            clients.take(MID)


def swinging(clients: Clients, count: int) -> None:
    """The price swings by 2,000 ticks either way, a tick every five commands or so.

    Levels come and go all the time, and whoever did not withdraw in time is traded through.
    """
    spread_out(clients, MID, orders=count // 20, levels=count // 200)
    for number in clients.send(count):
        habits(clients, MID + int(2_000 * math.sin(number / 6_000)))


def flash_crash(clients: Clients, count: int) -> None:
    """A normal market in which, five times, big sellers sweep hundreds of levels within seconds.

    Buyers withdraw meanwhile; then the book fills up again from where the price fell to, and the
    price comes back.
    """
    period, fall, recovery = count // 5, count // 100, count // 20
    mid = MID
    spread_out(clients, mid, orders=count // 20, levels=count // 200)
    for number in clients.send(count):
        since = number % period - period // 2
        if 0 <= since < fall:
            dice = clients.rng.random()
            mid -= 1
            if dice < 0.1:
                clients.take(mid - 500, 20_000, Side.SELL)
            elif dice < 0.5:
                clients.cancel_any()
            else:
                clients.near(mid, 50)
        else:
            mid += 1 if fall <= since < fall + recovery and mid < MID else _step(clients.rng, 0.02)
            habits(clients, mid)


def cancel_heavy(clients: Clients, count: int) -> None:
    """All leave: 95 of 100 commands withdraw any order of a book that had 200,000."""
    spread_out(clients, MID, orders=count, levels=count // 100)
    for _ in clients.send(count):
        dice = clients.rng.random()
        if dice < 0.95:
            clients.cancel_any()
        elif dice < 0.99:
            clients.near(MID, 8)
        else:
            clients.take(MID)


WORKLOADS: dict[str, Callable[[Clients, int], None]] = {
    "normal": normal,
    "deep static book": deep,
    "swinging price": swinging,
    "flash crash": flash_crash,
    "cancel-heavy": cancel_heavy,
}


def spread_out(clients: Clients, mid: int, orders: int, levels: int) -> None:
    """Open the book: so many orders evenly on so many levels around the price."""
    for number in range(orders):
        clients.at(mid, 1 + number % (levels // 2))


def habits(clients: Clients, mid: int) -> None:
    """One command of a market on a normal day."""
    dice = clients.rng.random()
    if dice < 0.50:
        clients.near(mid, 8)
    elif dice < 0.92:
        clients.cancel_recent()
    elif dice < 0.94:
        clients.replace_recent(mid, 8)
    else:
        clients.take(mid)


def make(name: str, count: int = COMMANDS) -> Workload:
    """The workload of this name: `count` commands after those that open its book.

    Books are told of as they are where `count` is `COMMANDS`; with fewer they are smaller.
    """
    clients = Clients(name)
    WORKLOADS[name](clients, count)
    return split(clients.commands, len(clients.commands) - count)


def split(commands: list[Command], opening: int) -> Workload:
    """A workload of these commands, the first of which open the book."""
    return Workload(_frames(commands, 0, opening), _frames(commands, opening, len(commands)))


def _frames(commands: list[Command], first: int, end: int) -> list[bytes]:
    """Some of the commands as records of a ledger, each as full as may be."""
    return [
        encode_frame(
            Frame(
                FRAME_VERSION,
                "ledger:0",
                Sequence(at + 1),
                [*commands[at : min(at + FRAME_COMMANDS_MAX, end)]],
            )
        )
        for at in range(first, end, FRAME_COMMANDS_MAX)
    ]


def _step(rng: Random, often: float) -> int:
    return rng.choice((-1, 1)) if rng.random() < often else 0
