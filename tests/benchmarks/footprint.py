"""Memory of what a machine keeps, as the growth of a process of its own."""

from __future__ import annotations

import gc
import subprocess
import sys

import msgspec
import psutil

from streams.ledger.partition import LedgerPartition
from streams.matching.market import Market
from streams.messages import (
    FRAME_VERSION,
    UNIT,
    AccountCommand,
    AccountId,
    Asset,
    Deposit,
    Frame,
    Lots,
    MarketId,
    Millis,
    OpenAccount,
    OrderType,
    PlaceOrder,
    Sequence,
    Side,
    Ticks,
    TimeInForce,
    Units,
    encode_frame,
    market_frames,
)
from tests.benchmarks.clients import CONFIG, MID, Clients
from tests.benchmarks.workloads import split, spread_out

LIMIT_S = 120.0
FRAME = 128
AT = Millis(1_700_000_000_000)


def bytes_per_resting_order(count: int) -> float:
    """What an order at rest takes in a market, on a thousand levels. Raises `TimeoutExpired`."""
    clients = Clients("footprint")
    spread_out(clients, MID, count, 1_000)
    return _in_a_new_process("rest", split(clients.commands, count).opening) / count


def bytes_per_account(count: int) -> float:
    """What an account takes in a ledger, with balances of two assets. Raises `TimeoutExpired`."""
    return _in_a_new_process("have_accounts", count) / count


def bytes_per_open_order(count: int) -> float:
    """What a ledger takes for an order it holds funds for. Raises `TimeoutExpired`."""
    return _in_a_new_process("have_open_orders", count) / count


def _in_a_new_process(what: str, given: int | list[bytes]) -> int:
    """What this module's function of that name says when it is run in a process of its own: one
    that has freed memory before grows by less than what it keeps.
    """
    ran = subprocess.run(
        [sys.executable, "-m", __name__, what],
        input=msgspec.msgpack.encode(given),
        stdout=subprocess.PIPE,
        timeout=LIMIT_S,
        check=True,
    )
    return int(ran.stdout)


def rest(records: list[bytes]) -> int:
    """Bytes by which this process grows for a market that takes these records."""
    market = Market(CONFIG)
    before = _in_use()
    for each in records:
        for command in market_frames.decode(each).commands:
            market.apply(command, AT)  # type: ignore[arg-type]
    return _in_use() - before


def have_accounts(count: int) -> int:
    """Bytes by which this process grows for a ledger with so many accounts."""
    ledger = LedgerPartition(0, 1)
    before = _in_use()
    open_accounts(ledger, count)
    return _in_use() - before


def have_open_orders(count: int) -> int:
    """Bytes by which this process grows for so many orders in a ledger, a hundred an account."""
    ledger = LedgerPartition(0, 1)
    open_accounts(ledger, -(-count // 100))
    before = _in_use()
    for first in range(0, count, FRAME):
        some = [place(number, number // 100) for number in range(first, min(first + FRAME, count))]
        ledger.apply(ledger.position + 1, AT, record(*some))
    return _in_use() - before


def open_accounts(ledger: LedgerPartition, count: int) -> None:
    """Let a ledger open accounts, each with funds of two assets."""
    for number in range(count):
        account = AccountId(f"account-{number}")
        funds = [
            Deposit(account, Asset(asset), Units(1_000_000 * UNIT), "opening")
            for asset in (CONFIG.base, CONFIG.quote)
        ]
        ledger.apply(ledger.position + 1, AT, record(OpenAccount(account), *funds))


def place(number: int, account: int) -> PlaceOrder:
    """An account's order to buy little."""
    price, quantity = 1_000_000, 100
    return PlaceOrder(
        AccountId(f"account-{account}"),
        MarketId(CONFIG.market),
        0,
        f"x-R4BD3S82-{number:011d}",
        Side.BUY,
        OrderType.LIMIT,
        TimeInForce.GTC,
        Ticks(price),
        Lots(quantity),
        Units(0),
        CONFIG.quote,
        Units(price * quantity * CONFIG.tick_lot),
    )


def record(*commands: AccountCommand) -> bytes:
    """A record of `commands`."""
    return encode_frame(Frame(FRAME_VERSION, "", Sequence(0), list(commands)))


def _in_use() -> int:
    gc.collect()
    return int(psutil.Process().memory_info().rss)


if __name__ == "__main__":
    _given = sys.stdin.buffer.read()
    match sys.argv[1]:
        case "rest":
            print(rest(msgspec.msgpack.decode(_given, type=list[bytes])))
        case "have_accounts":
            print(have_accounts(msgspec.msgpack.decode(_given, type=int)))
        case _:
            print(have_open_orders(msgspec.msgpack.decode(_given, type=int)))
