"""A market as a trader would draw it: orders by a letter, the book as a table, events as words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import assert_never

from streams.matching.book import BookSide
from streams.matching.market import Market
from streams.matching.outcomes import (
    Accepted,
    Amended,
    Cancelled,
    Expired,
    Outcome,
    Prevented,
    Rejected,
    Replaced,
    Traded,
)
from streams.messages import (
    AccountId,
    Amend,
    Asset,
    Cancel,
    Lots,
    MarketConfig,
    MarketId,
    MarketStatus,
    Millis,
    OrderId,
    OrderType,
    Place,
    Replace,
    RequestId,
    SelfTradePrevention,
    Side,
    Ticks,
    TimeInForce,
    Units,
)

TICK = Units(1_000_000)
LOT = Units(1_000)
TICK_LOT = 10
"""What one lot is worth at a price of one tick, in quote units."""

BUY, SELL = Side.BUY, Side.SELL
PLENTY = Units(10**12)


def config(
    *,
    min_notional: int = 0,
    maker_bps: int = 0,
    taker_bps: int = 0,
    status: MarketStatus = MarketStatus.TRADING,
    partition: int = 0,
) -> MarketConfig:
    return MarketConfig(
        market=MarketId("BTCUSDT"),
        partition=partition,
        base=Asset("BTC"),
        quote=Asset("USDT"),
        tick=TICK,
        lot=LOT,
        min_notional=Units(min_notional),
        maker_fee_bps=maker_bps,
        taker_fee_bps=taker_bps,
        status=status,
    )


class Floor:
    """A market whose orders are single letters. Each letter is its own owner, too."""

    def __init__(self, book: str = "", **settings: int | MarketStatus) -> None:
        """Open a market with the orders drawn: `a2 b3` is a, for 2 lots, in front of b, for 3."""
        self.market = Market(config(**settings))  # type: ignore[arg-type]
        for bids, price, asks in _rows(book):
            for side, drawn in ((BUY, bids), (SELL, asks)):
                for order in drawn.split():
                    self.place(order[0], side, int(order[1:]), int(price))

    @property
    def book(self) -> list[tuple[str, str, str]]:
        """The book as rows: bids, price, asks; highest price first."""
        levels = dict.fromkeys(
            level.price for side in self._sides() for level in side if level.quantity
        )
        bids, asks = self._sides()
        return [
            (self._queue(bids, price), str(price), self._queue(asks, -price))
            for price in sorted(levels, reverse=True)
        ]

    def place(
        self,
        name: str,
        side: Side,
        quantity: int = 0,
        price: int = 0,
        *,
        kind: OrderType = OrderType.LIMIT,
        tif: TimeInForce = TimeInForce.GTC,
        budget: int = 0,
        hold: int = PLENTY,
        by: str = "",
        mode: SelfTradePrevention = SelfTradePrevention.NONE,
    ) -> list[str]:
        """Place an order, its owner's or that of `by`; without a price it is a MARKET order."""
        command = Place(
            OrderId(ord(name)),
            AccountId(by or name),
            MarketId("BTCUSDT"),
            name,
            side,
            kind,
            tif,
            Ticks(price),
            Lots(quantity),
            Units(budget),
            Units(hold),
            mode,
        )
        return self._told(self.market.apply(command, Millis(1_000)))

    def market_order(self, name: str, side: Side, quantity: int = 0, **more: object) -> list[str]:
        """Place a MARKET order: for a quantity or a `budget`, at worst at `price`."""
        return self.place(name, side, quantity, kind=OrderType.MARKET, **more)  # type: ignore[arg-type]

    def cancel(self, name: str, by: str | None = None) -> list[str]:
        owner = AccountId(name if by is None else by)
        command = Cancel(RequestId(1), OrderId(ord(name)), owner, MarketId("BTCUSDT"))
        return self._told(self.market.apply(command, Millis(1_000)))

    def replace(
        self, name: str, quantity: int, price: int, *, by: str | None = None, hold: int = PLENTY
    ) -> list[str]:
        command = Replace(
            RequestId(1),
            OrderId(ord(name)),
            AccountId(name if by is None else by),
            MarketId("BTCUSDT"),
            Ticks(price),
            Lots(quantity),
            Units(hold),
        )
        return self._told(self.market.apply(command, Millis(1_000)))

    def amend(self, name: str, quantity: int, *, by: str | None = None) -> list[str]:
        """Reduce an order, which keeps its name."""
        command = Amend(
            RequestId(1),
            OrderId(ord(name)),
            AccountId(name if by is None else by),
            MarketId("BTCUSDT"),
            name,
            Lots(quantity),
        )
        return self._told(self.market.apply(command, Millis(1_000)))

    def _told(self, outcomes: list[Outcome]) -> list[str]:
        return [told(outcome) for outcome in outcomes]

    def _sides(self) -> tuple[BookSide, BookSide]:
        return self.market.book.bids, self.market.book.asks

    def _queue(self, side: BookSide, rank: int) -> str:
        level = side.levels.get(rank)
        if level is None:
            return ""
        queue = list(self.market.book.queue(level))
        assert level.quantity == sum(order.remaining for order in queue)
        return " ".join(f"{order.client_order_id}{order.remaining}" for order in queue)


def table(book: str) -> list[tuple[str, str, str]]:
    """A drawn book, as `Floor.book` gives it."""
    return list(_rows(book))


def _rows(book: str) -> Iterator[tuple[str, str, str]]:
    for line in book.strip().splitlines():
        bids, price, asks = (cell.strip() for cell in line.split("|"))
        yield bids, price, asks


def told(outcome: Outcome) -> str:
    """An event in words."""
    match outcome:
        case Accepted(order=order):
            return f"{order.client_order_id} accepted"
        case Traded(maker=maker, taker=taker, quantity=quantity, price=price):
            return f"{taker.client_order_id} takes {quantity} of {maker.client_order_id} at {price}"
        case Replaced(order=order):
            return f"{order.client_order_id} replaced"
        case Prevented(maker=maker, taker=taker, maker_lots=lots, taker_lots=own):
            ended = "".join(
                f", {order.client_order_id} ended"
                for order, closed in ((maker, outcome.maker_closed), (taker, outcome.taker_closed))
                if closed
            )
            names = f"{taker.client_order_id} meets {maker.client_order_id}"
            return f"{names}: {own} and {lots} prevented{ended}"
        case Amended(order=order):
            return f"{order.client_order_id} amended to {order.quantity}"
        case Cancelled(order=order):
            return f"{order.client_order_id} cancelled"
        case Expired(order=order, rest=rest, filled=filled, reason=reason):
            state = "filled" if filled else f"expired ({reason})"
            return f"{order.client_order_id} {state}, {rest} left"
        case Rejected(command=command, reason=reason):
            return f"{chr(command.order_id)} refused: {reason}"
        case _:
            assert_never(outcome)
