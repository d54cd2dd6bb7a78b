"""Whatever becomes of a customer's orders, each name leads to the newest open order that has it."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from streams.ledger.accounts import Account
from streams.ledger.ledger import NO_ORDER
from streams.messages import (
    AccountId,
    CancelReplaceOrder,
    OrderId,
)
from tests.unit.ledger.log import Log, amend, cancel, funded, place, release_name, settle

ANN = AccountId("ann")
names = st.sampled_from(("a", "b", "c"))
orders = st.integers(0, 5)
steps = st.one_of(
    st.tuples(st.just("place"), names),
    st.tuples(st.just("replace"), orders, names),
    st.tuples(st.just("amend"), orders, names),
    st.tuples(st.just("release"), orders, st.integers(0, 2)),
    st.tuples(st.just("end"), orders),
)


class Customer:
    """Ann, and what markets say of her orders."""

    def __init__(self) -> None:
        self.log = funded()
        self._said = 0

    @property
    def account(self) -> Account:
        return self.log.machine.ledger.accounts[ANN]

    def place(self, name: str) -> None:
        self.log.tell(place("ann", name, hold=1))

    def replace(self, which: int, name: str) -> None:
        if old := self._open(which):
            order = place("ann", name, hold=1)
            self.log.tell(CancelReplaceOrder(ANN, cancel("ann", old), order, True))

    def amend(self, which: int, name: str) -> None:
        if old := self._open(which):
            self.log.tell(amend("", name, order_id=old))

    def release(self, which: int, name: int) -> None:
        """An amendment has taken effect, or was refused."""
        order_id = self._open(which)
        if order_id and self.account.orders[order_id].other_names:
            held = self.account.orders[order_id].names
            self._said += 1
            release_name(self.log, self._said, order_id, held[name % len(held)])

    def end(self, which: int) -> None:
        if order_id := self._open(which):
            self._said += 1
            self.log.settled(self._said, settle("ann", order_id, released=1, done=True))

    def check(self) -> None:
        leads: dict[str, OrderId] = {}
        for order_id, order in sorted(self.account.orders.items()):
            leads.update(dict.fromkeys(order.names, order_id))
        assert self.account.order_ids == leads

    def _open(self, which: int) -> OrderId:
        open_orders = list(self.account.orders)
        return open_orders[which % len(open_orders)] if open_orders else NO_ORDER


@settings(max_examples=300, deadline=None)
@given(st.lists(steps, max_size=40))
def test_each_name_leads_to_the_newest_open_order_that_has_it(
    taken: list[tuple[object, ...]],
) -> None:
    ann = Customer()
    for name, *arguments in taken:
        getattr(ann, str(name))(*arguments)
        ann.check()
    restored = Log()
    restored.machine.restore(ann.log.machine.snapshot())
    again = restored.machine.ledger.accounts[ANN]
    assert (again.order_ids, again.namesakes) == (ann.account.order_ids, ann.account.namesakes)
