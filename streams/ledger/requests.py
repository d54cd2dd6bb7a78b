"""The requests that bore an idempotency key, for as long as a retry of them is recognised.

What became of a request is not kept here: its updates are on the log, and whoever answers the
retry reads them there. So a request takes some 300 bytes, however much came of it.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from typing import Final, NamedTuple, assert_never, get_args

import msgspec

from streams.messages import (
    AccountId,
    AmendOrder,
    CancelOrder,
    CancelReplaceOrder,
    CancelRestriction,
    Deposit,
    Millis,
    OrderType,
    PlaceOrder,
    RequestId,
    SelfTradePrevention,
    Withdraw,
)

REMEMBERED_MS = 24 * 3_600_000
KEYS_MAX = 100_000
"""Requests remembered of one account; beyond that its oldest are forgotten early."""

KeyedCommand = PlaceOrder | CancelOrder | AmendOrder | CancelReplaceOrder | Deposit | Withdraw
KEYED: Final[tuple[type[KeyedCommand], ...]] = get_args(KeyedCommand)
"""To ask a message for each of several classes takes 50 ns a class that it is not, so the most
frequent come first; and to ask for a union, what it takes to make one as well."""

_encoder = msgspec.msgpack.Encoder()


class Remembered(NamedTuple):
    """The first request under a key: its name, the log's time of it, and a digest of what it asked.

    `at` is the log's time, in milliseconds.
    """

    account: AccountId
    key: str
    request: RequestId
    at: Millis
    digest: bytes


class Requests:
    """Remembers by account and key; forgets in the order in which requests came."""

    __slots__ = ("_keys", "_requests")

    def __init__(self) -> None:
        # Time never goes back in a ledger, so the first is always the oldest; each account's keys
        # are in the same order. Either way to forget costs the same, however much is remembered.
        self._requests: OrderedDict[tuple[AccountId, str], Remembered] = OrderedDict()
        self._keys: dict[AccountId, deque[str]] = {}

    def __iter__(self) -> Iterator[Remembered]:
        """The oldest first."""
        return iter(self._requests.values())

    def find(self, account: AccountId, key: str) -> Remembered | None:
        return self._requests.get((account, key))

    def add(self, remembered: Remembered) -> None:
        """Remember a request, under a key its account has not got yet."""
        keys = self._keys.setdefault(remembered.account, deque())
        if len(keys) >= KEYS_MAX:
            del self._requests[remembered.account, keys.popleft()]
        keys.append(remembered.key)
        self._requests[remembered.account, remembered.key] = remembered

    def extend(self, oldest_first: Iterable[Remembered]) -> None:
        for remembered in oldest_first:
            self.add(remembered)

    def forget(self, now: int) -> None:
        """Drop what is too old at the log's time `now`, in milliseconds."""
        while self._requests:
            oldest = next(iter(self._requests.values()))
            if now - oldest.at < REMEMBERED_MS:
                return
            self._requests.popitem(last=False)
            keys = self._keys[oldest.account]
            keys.popleft()
            if not keys:
                del self._keys[oldest.account]


def digest_of(command: KeyedCommand) -> bytes:
    """A digest of what a client asked for: equal for a request and its retry.

    Without what the api reckons from the market of the moment: the hold, and the worst price of a
    MARKET order.
    """
    match command:
        case PlaceOrder():
            is_market = command.order_type is OrderType.MARKET
            asked: tuple[object, ...] = (
                "place",
                command.market,
                command.client_order_id,
                command.side,
                command.order_type,
                command.time_in_force,
                0 if is_market else command.price,
                command.quantity,
                command.budget,
            )
            if command.self_trade_prevention is not SelfTradePrevention.NONE:
                asked += (command.self_trade_prevention,)
        case CancelOrder():
            asked = ("cancel", command.market, command.order_id, command.client_order_id)
            if command.restriction is not CancelRestriction.NONE:
                asked += (command.restriction,)
        case CancelReplaceOrder():
            halves = (digest_of(command.cancel), digest_of(command.order))
            asked = ("replace", *halves, command.stop_on_failure, command.cancel_when_limited)
        case AmendOrder():
            asked = (
                "amend",
                command.market,
                command.order_id,
                command.client_order_id,
                command.new_client_order_id,
                command.quantity,
            )
        case Deposit():
            asked = ("deposit", command.asset, command.amount, command.reference)
        case Withdraw():
            asked = ("withdraw", command.asset, command.amount, command.reference)
        case _:
            assert_never(command)
    return blake2b(_encoder.encode(asked), digest_size=8).digest()
