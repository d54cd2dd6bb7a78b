"""A customer's purses and open orders, and which order each of its names leads to."""

from __future__ import annotations

from bisect import insort

from mypy_extensions import mypyc_attr

from streams.ledger.books import Purse
from streams.ledger.standing import OPEN, Standing
from streams.messages import Asset, MarketId, OrderId


@mypyc_attr(acyclic=True)
class OpenOrder:
    """An order whose market has not closed it yet; `held` of its purse is still held for it.

    While amendments are under way it goes by `other_names` as well: one for each of them. It was
    placed with the name of the order that it `replaces`, if of any: only checkpoints still ask, as
    those that were taken when that decided who has a name must come back the same.
    """

    __slots__ = (
        "client_order_id",
        "held",
        "market",
        "market_partition",
        "other_names",
        "purse",
        "replaces",
    )

    def __init__(
        self, market: MarketId, market_partition: int, client_order_id: str, purse: Purse, held: int
    ) -> None:
        self.market = market
        self.market_partition = market_partition
        self.client_order_id = client_order_id
        self.purse = purse
        self.held = held
        self.other_names: tuple[str, ...] = ()
        self.replaces = OrderId(0)

    @property
    def names(self) -> tuple[str, ...]:
        """All client order ids that lead to it."""
        return (self.client_order_id, *self.other_names)


class Account:
    """One customer's purses and open orders, and how it stands.

    A client order id leads to one open order by `order_ids`. Others may have it as well: an order
    may take the name of the one it replaces, and that one goes on where it can't be cancelled. Then
    the name leads to the newest of its `namesakes`, which are in the order of their ids.
    """

    __slots__ = ("namesakes", "order_ids", "orders", "purses", "standing")

    def __init__(self) -> None:
        self.standing = OPEN
        self.purses: dict[Asset, Purse] = {}
        self.orders: dict[OrderId, OpenOrder] = {}
        self.order_ids: dict[str, OrderId] = {}
        self.namesakes: dict[str, list[OrderId]] = {}

    def purse(self, asset: Asset) -> Purse:
        """The purse for an asset, made empty where there is none."""
        purse = self.purses.get(asset)
        if purse is None:
            purse = self.purses[asset] = Purse(asset)
        return purse

    @property
    def is_empty(self) -> bool:
        """Whether it has nothing, free or held."""
        purses = self.purses.values()
        return not any(purse.available.units or purse.held.units for purse in purses)

    def own_standing(self) -> Standing:
        """How it stands, to be changed."""
        if self.standing is OPEN:
            self.standing = Standing()
        return self.standing

    def add(self, order_id: OrderId, order: OpenOrder) -> None:
        self.orders[order_id] = order
        self._name(order.client_order_id, order_id)

    def remove(self, order_id: OrderId) -> None:
        order = self.orders.pop(order_id)
        self._free(order.client_order_id, order_id)
        for name in {*order.other_names} - {order.client_order_id}:
            self._free(name, order_id)

    def add_name(self, order_id: OrderId, name: str) -> None:
        """Let a client order id lead to an open order besides those that do already."""
        self.orders[order_id].other_names += (name,)
        self._name(name, order_id)

    def remove_name(self, order_id: OrderId, name: str) -> None:
        """Take back one of an order's names; it keeps at least one."""
        order = self.orders[order_id]
        names = list(order.names)
        names.remove(name)
        order.client_order_id, *rest = names
        order.other_names = tuple(rest)
        if name not in names:
            self._free(name, order_id)

    def _name(self, name: str, order_id: OrderId) -> None:
        known = self.order_ids.get(name, order_id)
        if known != order_id:
            namesakes = self.namesakes.setdefault(name, [known])
            if order_id not in namesakes:
                insort(namesakes, order_id)
            order_id = namesakes[-1]
        self.order_ids[name] = order_id

    def _free(self, name: str, order_id: OrderId) -> None:
        """Let a name lead to who else has it, or nowhere."""
        namesakes = self.namesakes.get(name)
        if namesakes is None:
            del self.order_ids[name]
            return
        namesakes.remove(order_id)
        self.order_ids[name] = namesakes[-1]
        if len(namesakes) == 1:
            del self.namesakes[name]
