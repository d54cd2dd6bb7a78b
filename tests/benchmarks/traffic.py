"""What travels on `commands` and `orders` while one market is busy.

The records are made by the machines themselves, in memory: clients' orders go through two ledgers
to a market, and its settlements go back. So each record is one that its reader would meet.

It is a normal two-sided market around a price that wanders: 72 in 100 requests are limit orders
within 20 ticks of it, 8 are market orders, 20 are cancels of orders that rest.
"""

from __future__ import annotations

import random
import time
from typing import Any, NamedTuple

from streams.ledger.partition import LedgerPartition
from streams.matching.partition import MatchingPartition
from streams.messages import (
    FRAME_COMMANDS_MAX,
    FRAME_VERSION,
    UNIT,
    AccountId,
    Asset,
    CancelOrder,
    ConfigureMarket,
    Deposit,
    Frame,
    Lots,
    MarketConfig,
    MarketId,
    OpenAccount,
    OrderId,
    OrderType,
    PlaceOrder,
    Sequence,
    Side,
    Ticks,
    TimeInForce,
    Units,
    encode_frame,
    partition_of_account,
    request_id,
)
from streams.outputs import Output
from streams.topics import COMMANDS, ORDERS

MARKET = MarketConfig(
    market=MarketId("BTC-USDT"),
    partition=0,
    base=Asset("BTC"),
    quote=Asset("USDT"),
    tick=Units(UNIT // 100),
    lot=Units(UNIT // 10_000),
    min_notional=Units(0),
    maker_fee_bps=8,
    taker_fee_bps=10,
)
ACCOUNT_PARTITIONS = 2
ACCOUNTS = 1_000
FUNDS = Units(4_000_000 * UNIT)
PRICE_FIRST = 60_000_00
SPREAD_TICKS = 20
SEED = 5

Resting = tuple[OrderId, AccountId]


class Filled(NamedTuple):
    """A record, and how many clients' requests are in it."""

    value: bytes
    requests: int


class Traffic:
    """`commands` by partition, and `orders`, as they are after so many requests of clients.

    A frame of clients' requests holds `per_frame` of them, and so does the ledger's that follows
    from it. `orders` begins with the market's configuration, each of `commands` with the funds of
    its accounts.
    """

    def __init__(self, requests: int, per_frame: int) -> None:
        self.commands: list[list[Filled]] = [[] for _ in range(ACCOUNT_PARTITIONS)]
        self.orders: list[Filled] = []
        self._rng = random.Random(SEED)
        self._at = int(time.time() * 1000)
        self._ledgers = [LedgerPartition(p, 1) for p in range(ACCOUNT_PARTITIONS)]
        self._market = MatchingPartition(0, ACCOUNT_PARTITIONS)
        self._price = PRICE_FIRST
        self._number = 0
        self._placed: list[list[Resting]] = [[] for _ in range(ACCOUNT_PARTITIONS)]
        self._accounts: list[list[AccountId]] = [[] for _ in range(ACCOUNT_PARTITIONS)]
        self._open_market()
        self._open_accounts()
        for number in range(requests // per_frame):
            self._request(number % ACCOUNT_PARTITIONS, per_frame)

    def _open_market(self) -> None:
        self._to_market(_frame("", 0, [ConfigureMarket(MARKET)]), 0)

    def _open_accounts(self) -> None:
        for number in range(ACCOUNTS):
            account = AccountId(f"account-{number:04d}")
            partition = partition_of_account(account, ACCOUNT_PARTITIONS)
            self._accounts[partition].append(account)
            funds = [Deposit(account, asset, FUNDS, "funds") for asset in _assets()]
            self._to_ledger(partition, _frame("", 0, [OpenAccount(account), *funds]), 0)

    def _request(self, partition: int, count: int) -> None:
        offset = len(self.commands[partition])
        self._price += self._rng.choice((-1, 0, 1))
        requests = [self._next(partition, offset, index) for index in range(count)]
        forwarded = self._to_ledger(partition, _frame("", 0, requests), count)
        if not forwarded:
            return
        settled = self._to_market(_framed(forwarded), len(forwarded))
        for ledger in range(ACCOUNT_PARTITIONS):
            outputs = [output for output in settled if output.partition == ledger]
            for first in range(0, len(outputs), FRAME_COMMANDS_MAX):
                self._to_ledger(ledger, _framed(outputs[first : first + FRAME_COMMANDS_MAX]), 0)

    def _next(self, partition: int, offset: int, index: int) -> PlaceOrder | CancelOrder:
        kind = self._rng.random()
        if kind < 0.2:
            resting = self._resting(partition)
            if resting is not None:
                order_id, account = resting
                return CancelOrder(account, MARKET.market, 0, order_id, "")
        account = self._rng.choice(self._accounts[partition])
        order = self._order(account, is_market=kind > 0.92)
        order_id = OrderId(request_id(partition, offset, index))
        self._placed[partition].append((order_id, account))
        return order

    def _resting(self, partition: int) -> Resting | None:
        """An order that rests, out of those placed last."""
        placed = self._placed[partition]
        book = self._market.markets[MARKET.market].book
        for _ in range(10):
            if not placed:
                break
            at = self._rng.randrange(max(0, len(placed) - 2_000), len(placed))
            placed[at], placed[-1] = placed[-1], placed[at]
            found = placed.pop()
            if book.find(found[0]) is not None:
                return found
        return None

    def _order(self, account: AccountId, *, is_market: bool) -> PlaceOrder:
        rng = self._rng
        self._number += 1
        side = rng.choice((Side.BUY, Side.SELL))
        away = rng.randrange(-3, SPREAD_TICKS)
        price = self._price - away if side is Side.BUY else self._price + away
        quantity = rng.randrange(1, 200)
        if is_market:
            price = self._price + (500 if side is Side.BUY else -500)
        hold = price * quantity * MARKET.tick_lot if side is Side.BUY else quantity * MARKET.lot
        return PlaceOrder(
            account=account,
            market=MARKET.market,
            market_partition=0,
            client_order_id=f"client-{self._number:09d}",
            side=side,
            order_type=OrderType.MARKET if is_market else OrderType.LIMIT,
            time_in_force=TimeInForce.GTC,
            price=Ticks(price),
            quantity=Lots(quantity),
            budget=Units(0),
            hold_asset=MARKET.quote if side is Side.BUY else MARKET.base,
            hold=Units(hold),
        )

    def _to_ledger(self, partition: int, value: bytes, requests: int) -> list[Output]:
        """Let a ledger take a record; what it passes on to the market."""
        records = self.commands[partition]
        records.append(Filled(value, requests))
        outputs = self._ledgers[partition].apply(len(records) - 1, self._at, value)
        return [output for output in outputs if output.topic is ORDERS]

    def _to_market(self, value: bytes, requests: int) -> list[Output]:
        """Let the market take a record; its settlements."""
        self.orders.append(Filled(value, requests))
        outputs = self._market.apply(len(self.orders) - 1, self._at, value)
        return [output for output in outputs if output.topic is COMMANDS]


def _assets() -> tuple[Asset, Asset]:
    return MARKET.base, MARKET.quote


def _framed(outputs: list[Output]) -> bytes:
    first = outputs[0]
    return _frame(first.source, first.seq, [output.message for output in outputs])


def _frame(source: str, first: int, commands: list[Any]) -> bytes:
    return encode_frame(Frame(FRAME_VERSION, source, Sequence(first), commands))
