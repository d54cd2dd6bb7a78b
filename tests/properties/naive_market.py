"""A market written a second time, as simply as can be: one list of orders, searched from the top.

It shares nothing with `streams.matching` but the messages, so that an error would have to be made
twice to go unseen. It says only *that* a command is refused: which of several reasons is named
first is no law.
"""

from __future__ import annotations

from dataclasses import dataclass

from streams.messages import (
    Amend,
    Cancel,
    OrderType,
    Place,
    Replace,
    SelfTradePrevention,
    Side,
    TimeInForce,
)

Said = tuple[object, ...]
REFUSED: Said = ("refused",)


@dataclass
class NaiveOrder:
    order_id: int
    account: str
    side: Side
    order_type: OrderType
    price: int
    open: int
    arrived: int
    traded: int = 0
    amendments: int = 0
    prevented: int = 0
    mode: SelfTradePrevention = SelfTradePrevention.NONE


class NaiveMarket:
    def __init__(self, tick_lot: int, lot: int, min_notional: int) -> None:
        self.tick_lot = tick_lot
        self.lot = lot
        self.min_notional = min_notional
        self.orders: list[NaiveOrder] = []
        self.seq = 0
        self.trades = 0
        self.arrivals = 0

    def apply(self, command: Place | Cancel | Replace | Amend) -> list[Said]:
        if isinstance(command, Place):
            return self.place(command)
        order = self.find(command.order_id)
        if order is None or order.account != command.account:
            return [REFUSED]
        if isinstance(command, Cancel):
            self.orders.remove(order)
            return [self.say("cancelled", order.order_id)]
        if isinstance(command, Amend):
            return self.amend(order, command)
        return self.replace(order, command)

    def find(self, order_id: int) -> NaiveOrder | None:
        return next((order for order in self.orders if order.order_id == order_id), None)

    def say(self, what: str, *about: object) -> Said:
        self.seq += 1
        return (what, self.seq, *about)

    def makers(self, side: Side, worst: int | None) -> list[NaiveOrder]:
        """Whom an order of a side would trade with, in that order."""
        if side is Side.BUY:
            found = [o for o in self.orders if o.side is Side.SELL]
            found = [o for o in found if worst is None or o.price <= worst]
            return sorted(found, key=lambda o: (o.price, o.arrived))
        found = [o for o in self.orders if o.side is Side.BUY]
        found = [o for o in found if worst is None or o.price >= worst]
        return sorted(found, key=lambda o: (-o.price, o.arrived))

    def needed(self, side: Side, price: int, quantity: int) -> int:
        return price * quantity * self.tick_lot if side is Side.BUY else quantity * self.lot

    # -- placing ---------------------------------------------------------------------------------

    def place(self, command: Place) -> list[Said]:
        if self.find(command.order_id) is not None or not self.is_good(command):
            return [REFUSED]
        said = [self.say("accepted", command.order_id)]
        if command.order_type is OrderType.MARKET:
            return said + self.fill_market(command)
        order = NaiveOrder(
            command.order_id,
            command.account,
            command.side,
            command.order_type,
            command.price,
            command.quantity,
            0,
            mode=command.self_trade_prevention,
        )
        if command.time_in_force is TimeInForce.FOK and self.offered(order) < command.quantity:
            return [*said, self.say("expired", order.order_id, command.quantity, False)]
        said += self.cross(order)
        if order.open and command.time_in_force is TimeInForce.GTC:
            self.rest(order)
        elif order.open:
            said.append(self.say("expired", order.order_id, order.open, False))
        return said

    def is_good(self, command: Place) -> bool:
        if command.order_type is OrderType.MARKET:
            return self.is_good_market(command)
        if command.budget or command.price <= 0 or command.quantity <= 0:
            return False
        value = command.price * command.quantity * self.tick_lot
        need = self.needed(command.side, command.price, command.quantity)
        if value < self.min_notional or command.hold < need:
            return False
        if command.order_type is OrderType.LIMIT_MAKER:
            gtc = command.time_in_force is TimeInForce.GTC
            return gtc and not self.makers(command.side, command.price)
        return True

    def is_good_market(self, command: Place) -> bool:
        if command.time_in_force is TimeInForce.FOK or command.price < 0:
            return False
        if bool(command.budget) == bool(command.quantity) or command.quantity < 0:
            return False
        if command.budget:
            need = command.budget if command.side is Side.BUY else self.lot
            return command.budget >= self.min_notional and command.hold >= need
        if command.price:
            value = command.price * command.quantity * self.tick_lot
            need = self.needed(command.side, command.price, command.quantity)
            return value >= self.min_notional and command.hold >= need
        need = 1 if command.side is Side.BUY else command.quantity * self.lot
        return command.hold >= need

    def replace(self, order: NaiveOrder, command: Replace) -> list[Said]:
        price, quantity = command.price, command.quantity
        if price <= 0 or quantity <= 0 or price * quantity * self.tick_lot < self.min_notional:
            return [REFUSED]
        held = self.needed(order.side, order.price, order.open) + command.hold
        if held < self.needed(order.side, price, quantity):
            return [REFUSED]
        if order.order_type is OrderType.LIMIT_MAKER and self.makers(order.side, price):
            return [REFUSED]
        self.orders.remove(order)
        order.price, order.open = price, quantity
        said = [self.say("replaced", order.order_id), *self.cross(order)]
        if order.open:
            self.rest(order)
        return said

    def amend(self, order: NaiveOrder, command: Amend) -> list[Said]:
        gone, wanted = order.traded + order.prevented, command.quantity
        too_little = wanted * order.price * self.tick_lot < self.min_notional
        if not gone < wanted < gone + order.open or too_little or order.amendments == 10:
            return [REFUSED]
        order.open = wanted - gone
        order.amendments += 1
        return [self.say("amended", order.order_id, wanted)]

    def rest(self, order: NaiveOrder) -> None:
        self.arrivals += 1
        order.arrived = self.arrivals
        self.orders.append(order)

    # -- trading ---------------------------------------------------------------------------------

    def offered(self, order: NaiveOrder) -> int:
        """What an order could trade at once, in lots, if it would prevent nothing first."""
        offered = 0
        for maker in self.makers(order.side, order.price):
            own = maker.account == order.account
            if not own or order.mode is SelfTradePrevention.NONE:
                offered += maker.open
            elif order.mode is not SelfTradePrevention.EXPIRE_MAKER and offered < order.open:
                return offered
        return offered

    def cross(self, order: NaiveOrder) -> list[Said]:
        said = []
        for maker in self.makers(order.side, order.price):
            if not order.open:
                break
            if maker.account == order.account and order.mode is not SelfTradePrevention.NONE:
                said.append(self.prevent(order, maker, min(order.open, maker.open)))
                continue
            quantity = min(order.open, maker.open)
            order.open -= quantity
            order.traded += quantity
            said.append(self.trade(order.order_id, maker, quantity))
        return said

    def prevent(self, taker: NaiveOrder, maker: NaiveOrder, both: int) -> Said:
        """Two orders of one account do not trade `both` lots with each other."""
        modes = SelfTradePrevention
        of_taker, of_maker = {
            modes.EXPIRE_TAKER: (taker.open, 0),
            modes.EXPIRE_MAKER: (0, maker.open),
            modes.EXPIRE_BOTH: (taker.open, maker.open),
            modes.DECREMENT: (both, both),
        }[taker.mode]
        for order, lots in ((taker, of_taker), (maker, of_maker)):
            order.open -= lots
            order.prevented += lots
        if not maker.open:
            self.orders.remove(maker)
        return self.say("prevented", taker.order_id, maker.order_id, of_taker, of_maker)

    def trade(self, taker: int, maker: NaiveOrder, quantity: int) -> Said:
        self.trades += 1
        maker.open -= quantity
        maker.traded += quantity
        if not maker.open:
            self.orders.remove(maker)
        return self.say("trade", self.trades, maker.price, quantity, maker.order_id, taker)

    def fill_market(self, command: Place) -> list[Said]:
        """Lot by lot, as long as it wants one more, can pay it, and holds it."""
        said: list[Said] = []
        unbounded = 10**9
        order = NaiveOrder(
            command.order_id,
            command.account,
            command.side,
            command.order_type,
            0,
            command.quantity or unbounded,
            0,
            mode=command.self_trade_prevention,
        )
        value = spent = last_price = 0
        worst = command.price or None
        if command.side is Side.SELL:
            order.open = min(order.open, command.hold // self.lot)
            funds = command.budget or unbounded * unbounded
        else:
            funds = command.budget or command.hold
        if command.side is Side.BUY and command.price and not command.budget:
            funds = unbounded * unbounded
        for maker in self.makers(command.side, worst):
            lot, quantity = maker.price * self.tick_lot, 0
            while quantity < min(order.open, maker.open) and spent + (quantity + 1) * lot <= funds:
                quantity += 1
            if not quantity:
                break
            if maker.account == order.account and order.mode is not SelfTradePrevention.NONE:
                if command.budget:
                    order.open = min(order.open, (funds - spent) // lot)
                before = order.open
                said.append(self.prevent(order, maker, quantity))
                ended = order.mode in (
                    SelfTradePrevention.EXPIRE_TAKER,
                    SelfTradePrevention.EXPIRE_BOTH,
                )
                if ended or not (command.budget or order.open):
                    return said
                spent += (before - order.open) * lot
                if command.budget:
                    order.open = unbounded
                    if command.side is Side.SELL:
                        order.open = command.hold // self.lot - order.traded - order.prevented
                if maker.open and order.mode is SelfTradePrevention.DECREMENT:
                    break
                continue
            stopped = quantity < maker.open
            order.open -= quantity
            order.traded += quantity
            value += quantity * lot
            spent += quantity * lot
            last_price = maker.price
            said.append(self.trade(command.order_id, maker, quantity))
            if stopped:
                break
        if command.budget:
            rest = command.budget - value
            left = self.makers(command.side, worst)
            price = left[0].price if left else command.price or last_price
            filled = order.traded > 0 and rest < price * self.tick_lot and not order.prevented
        else:
            rest, filled = command.quantity - order.traded - order.prevented, False
        if rest:
            said.append(self.say("expired", command.order_id, rest, filled))
        return said
