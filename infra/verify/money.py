"""Money within the machines: nothing is made, nothing lost, and every hold has its order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from infra.verify.checks import Difference, count
from infra.verify.tail import Edge, Tail
from infra.verify.views import BooksView, Funds, LedgerView, resting
from streams.messages import Asset, OrderId, Sequence, Settle, format_plain


def conserved(ledgers: Mapping[int, LedgerView], books: Mapping[int, BooksView], tail: Tail) -> str:
    """Of each asset: available + held + fees + in flight = deposits - withdrawals.

    Each ledger's own sum is checked when it is looked at. What is left: the two sides of a trade
    may be settled in different ledgers, and what one of them has posted to clearing must be what
    settlements that are still on their way will post there. Raises `Difference`.
    """
    total: dict[Asset, Funds] = {}
    for view in ledgers.values():
        for asset, funds in view.funds.items():
            sums = map(sum, zip(total.get(asset, (0, 0, 0, 0)), funds, strict=True))
            total[asset] = Funds(*sums)
    flying, settlements = _in_flight(ledgers, books, tail)
    for asset, funds in sorted(total.items()):
        if sum(funds):
            raise Difference(f"{asset}: {format_plain(sum(funds))} too much")
    for asset in sorted(total.keys() | flying.keys()):
        clearing = total[asset].clearing if asset in total else 0
        if clearing + flying[asset]:
            raise Difference(
                f"{asset}: {format_plain(clearing)} in clearing, and settlements on their way"
                f" that post {format_plain(flying[asset])}"
            )
    amounts = ", ".join(
        f"{asset} {format_plain(-funds.external)}" for asset, funds in sorted(total.items())
    )
    return f"{amounts or 'nothing'} deposited; {count(settlements, 'settlement')} in flight"


def _in_flight(
    ledgers: Mapping[int, LedgerView], books: Mapping[int, BooksView], tail: Tail
) -> tuple[Counter[Asset], int]:
    """What settlements that were sent and not taken will post to clearing, and how many."""
    posted: Counter[Asset] = Counter()
    settlements = 0
    for partition, ledger in ledgers.items():
        for market_partition, book in books.items():
            edge = Edge(f"matching:{market_partition}", partition)
            taken, sent = ledger.taken[market_partition], book.sent[partition]
            if taken > sent:
                raise Difference(f"ledger/{partition}: took {taken} of {edge.source}, sent {sent}")
            for seq in range(taken + 1, sent + 1):
                settle = tail.settlements.get((edge, Sequence(seq)))
                if settle is None:
                    raise Difference(f"commands/{partition}: {edge.source} lacks settlement {seq}")
                asset = _asset(settle, ledger, tail)
                posted[asset] += settle.paid
                posted[settle.received_asset] -= settle.received + settle.fee
                settlements += 1
    return posted, settlements


def _asset(settle: Settle, ledger: LedgerView, tail: Tail) -> Asset:
    """What an order pays with."""
    order_id = settle.order_id
    order = ledger.orders.get(order_id)
    if order is not None:
        return order.asset
    if order_id in tail.assets:
        return tail.assets[order_id]
    raise Difference(f"ledger/{ledger.partition}: a settlement of {order_id}, which is not open")


def holds_agree(
    ledgers: Mapping[int, LedgerView], books: Mapping[int, BooksView], moving: set[OrderId]
) -> str:
    """Each order in a book is open in its ledger, with just the hold that it can still need.

    Orders on their way between the two are left out. Raises `Difference`.
    """
    in_books = resting(books.values())
    compared = 0
    for view in ledgers.values():
        for order_id, order in view.orders.items():
            if order_id in moving:
                continue
            there = in_books.get(order_id)
            if there is None:
                raise Difference(f"order {order_id}: open in its ledger, not in {order.market}")
            ours, theirs = (*order[:2], order.held), (there.account, there.market, there.hold)
            if ours != theirs:
                raise Difference(f"order {order_id}: its ledger has {ours}, its market {theirs}")
            compared += 1
    for order_id, there in in_books.items():
        if order_id not in moving and not any(order_id in v.orders for v in ledgers.values()):
            raise Difference(f"order {order_id}: in {there.market}, not open in its ledger")
    return f"{count(compared, 'open order')}, {len(moving):,} moving left out"
