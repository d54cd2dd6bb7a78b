"""Clients of a made market: what they send, command by command, from a seed."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from random import Random

from streams.messages import (
    UNIT,
    AccountId,
    Asset,
    Cancel,
    Lots,
    MarketConfig,
    MarketId,
    OrderId,
    OrderType,
    Place,
    Replace,
    RequestId,
    Side,
    Ticks,
    TimeInForce,
    Units,
    request_id,
)
from tests.benchmarks.minimal_book import MinimalBook

ACCOUNTS = 1_000
MID = 1_000_000
"""Where prices begin, in ticks: 10,000.00 USDT."""

CONFIG = MarketConfig(
    market=MarketId("BTCUSDT"),
    partition=0,
    base=Asset("BTC"),
    quote=Asset("USDT"),
    tick=Units(UNIT // 100),
    lot=Units(UNIT // 100_000),
    min_notional=Units(UNIT),
    maker_fee_bps=10,
    taker_fee_bps=10,
)
TICK_LOT = CONFIG.tick_lot

Command = Place | Cancel | Replace


class Clients:
    """Makes commands one by one, and knows which orders still rest."""

    def __init__(
        self, seed: str, config: MarketConfig = CONFIG, account_partitions: int = 2
    ) -> None:
        self.rng = Random(seed)
        self.commands: list[Command] = []
        self._book = MinimalBook()
        self._market = config.market
        self._account_partitions = account_partitions
        self._number = 0
        self._placed: list[OrderId] = []
        self._recent: deque[OrderId] = deque(maxlen=500)
        self._owners: dict[OrderId, tuple[AccountId, Side]] = {}

    def send(self, count: int) -> Iterator[int]:
        """Go round until `count` more commands were sent; each round sends one, or none."""
        first = len(self.commands)
        while (sent := len(self.commands) - first) < count:
            yield sent

    def limit(self, side: Side, price: int, quantity: int = 0) -> None:
        """Place an order that waits."""
        order_id = self._place(side, OrderType.LIMIT, TimeInForce.GTC, price, quantity)
        self._placed.append(order_id)
        self._recent.append(order_id)

    def near(self, mid: int, ticks: float) -> None:
        """Place an order on either side, so many ticks from the price, more or less."""
        distance = 1 + int(self.rng.expovariate(1 / ticks))
        self.at(mid, distance)

    def at(self, mid: int, distance: int) -> None:
        """Place an order on either side, so many ticks from the price."""
        if self.rng.random() < 0.5:
            self.limit(Side.BUY, mid - distance)
        else:
            self.limit(Side.SELL, mid + distance)

    def take(self, mid: int, quantity: int = 0, side: Side | None = None) -> None:
        """Trade at once: a MARKET order, or one that expires where it finds too little."""
        side = side or (Side.BUY if self.rng.random() < 0.5 else Side.SELL)
        if self.rng.random() < 0.5:
            self._place(side, OrderType.MARKET, TimeInForce.GTC, 0, quantity)
        else:
            price = mid + 10 if side is Side.BUY else mid - 10
            self._place(side, OrderType.LIMIT, TimeInForce.IOC, price, quantity)

    def cancel_recent(self) -> None:
        """Withdraw an order that came lately; most go within the next hundred commands."""
        order_id = self._recent_order()
        if order_id is not None:
            self._cancel(order_id)

    def cancel_any(self) -> None:
        """Withdraw any order that rests."""
        placed, rng = self._placed, self.rng
        while placed:
            index = rng.randrange(len(placed))
            order_id, placed[index] = placed[index], placed[-1]
            placed.pop()
            if order_id in self._book.orders:
                self._cancel(order_id)
                return

    def replace_recent(self, mid: int, ticks: float) -> None:
        """Give an order that came lately another price and quantity."""
        order_id = self._recent_order()
        if order_id is None:
            return
        account, side = self._owners[order_id]
        distance = 1 + int(self.rng.expovariate(1 / ticks))
        price = mid - distance if side is Side.BUY else mid + distance
        quantity = self._quantity()
        request = RequestId(self._next_request())
        # What it holds already is not known here; all of it anew is more than it can need.
        hold = _hold(side, price, quantity)
        self._send(
            Replace(
                request, order_id, account, self._market, Ticks(price), Lots(quantity), Units(hold)
            )
        )

    def _recent_order(self) -> OrderId | None:
        recent, rng = self._recent, self.rng
        for _ in range(8):
            back = int(rng.expovariate(1 / 60))
            if back < len(recent) and recent[-1 - back] in self._book.orders:
                return recent[-1 - back]
        return None

    def _quantity(self) -> int:
        """Lots of an order: mostly few, seldom many."""
        return 20 + int(self.rng.expovariate(1 / 300))

    def _place(
        self, side: Side, order_type: OrderType, tif: TimeInForce, price: int, quantity: int
    ) -> OrderId:
        quantity = quantity or self._quantity()
        order_id = OrderId(self._next_request())
        account = AccountId(f"account-{self.rng.randrange(ACCOUNTS)}")
        self._owners[order_id] = account, side
        self._send(
            Place(
                order_id,
                account,
                self._market,
                f"x-R4BD3S82-{self._number:011d}",
                side,
                order_type,
                tif,
                Ticks(price),
                Lots(quantity),
                Units(0),
                Units(_hold(side, price or 2 * MID, quantity)),
            )
        )
        return order_id

    def _cancel(self, order_id: OrderId) -> None:
        account, _ = self._owners[order_id]
        self._send(Cancel(RequestId(self._next_request()), order_id, account, self._market))

    def _next_request(self) -> int:
        """As the log names them where every command is a record of its own."""
        self._number += 1
        offset, partition = divmod(self._number, self._account_partitions)
        return request_id(partition, offset, 0)

    def _send(self, command: Command) -> None:
        self.commands.append(command)
        self._book.apply(command)


def _hold(side: Side, price: int, quantity: int) -> int:
    return price * quantity * TICK_LOT if side is Side.BUY else quantity * CONFIG.lot
