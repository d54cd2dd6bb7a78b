"""A partition of `commands`, written and read by the ledger in one step."""

from __future__ import annotations

from collections.abc import Sequence as Several
from typing import TypeVar

from streams.ledger import LedgerPartition
from streams.messages import (
    FRAME_VERSION,
    AccountCommand,
    AccountId,
    AmendOrder,
    Asset,
    Balance,
    Cancel,
    CancelOrder,
    Deposit,
    Frame,
    Lots,
    MarketId,
    OpenAccount,
    OrderId,
    OrderType,
    Place,
    PlaceOrder,
    ReleaseName,
    Sequence,
    Settle,
    Side,
    Ticks,
    TimeInForce,
    Units,
    Withdraw,
    encode_frame,
)
from streams.outputs import Output

MARKET = MarketId("BTCUSDT")
BTC, USDT = Asset("BTC"), Asset("USDT")
MARKET_PARTITIONS = 4
Message = TypeVar("Message")


def frame(
    *commands: AccountCommand, source: str = "", first_seq: int = 0, version: int = FRAME_VERSION
) -> bytes:
    return encode_frame(Frame[AccountCommand](version, source, Sequence(first_seq), list(commands)))


def open_account(account: str) -> OpenAccount:
    return OpenAccount(AccountId(account))


def deposit(account: str, asset: str, amount: int) -> Deposit:
    return Deposit(AccountId(account), Asset(asset), Units(amount), "wire 1")


def withdraw(account: str, asset: str, amount: int) -> Withdraw:
    return Withdraw(AccountId(account), Asset(asset), Units(amount), "wire 2")


def place(
    account: str,
    client_order_id: str = "mine",
    *,
    side: Side = Side.BUY,
    hold: int = 100,
    market_partition: int = 0,
) -> PlaceOrder:
    """A limit order; a buyer's hold is of USDT, a seller's of BTC."""
    return PlaceOrder(
        AccountId(account),
        MARKET,
        market_partition,
        client_order_id,
        side,
        OrderType.LIMIT,
        TimeInForce.GTC,
        Ticks(10),
        Lots(5),
        Units(0),
        USDT if side is Side.BUY else BTC,
        Units(hold),
    )


def cancel(
    account: str, order_id: int = 0, client_order_id: str = "", market: str = MARKET
) -> CancelOrder:
    return CancelOrder(AccountId(account), MarketId(market), 0, OrderId(order_id), client_order_id)


def amend(name: str, new: str, *, order_id: int = 0, lots: int = 4) -> AmendOrder:
    """An amendment of Ann's, of an order by its id or else its name."""
    name = "" if order_id else name
    return AmendOrder(AccountId("ann"), MARKET, 0, OrderId(order_id), name, new, Lots(lots))


def settle(
    account: str,
    order_id: int,
    *,
    asset: str = BTC,
    paid: int = 0,
    received: int = 0,
    fee: int = 0,
    released: int = 0,
    done: bool = False,
) -> Settle:
    return Settle(
        AccountId(account),
        OrderId(order_id),
        Asset(asset),
        Units(paid),
        Units(received),
        Units(fee),
        Units(released),
        done,
    )


class Log:
    """Records of one partition, each applied as it is appended, one second after the other.

    `passed_ms` is how much later than that it is.
    """

    def __init__(self, partition: int = 0) -> None:
        self.machine = LedgerPartition(partition, MARKET_PARTITIONS)
        self.records: list[tuple[int, int, bytes]] = []
        self.outputs: list[Output] = []
        self.passed_ms = 0

    def append(self, value: bytes) -> list[Output]:
        offset = len(self.records)
        self.records.append((offset, 1_000 * offset + self.passed_ms, value))
        outputs = self.machine.apply(*self.records[-1])
        self.outputs += outputs
        return outputs

    def tell(self, *commands: AccountCommand) -> list[object]:
        """Commands of the api in one frame; returns what is said in answer."""
        return [output.message for output in self.append(frame(*commands))]

    def settled(self, first_seq: int, *settles: Settle, source: str = "matching:0") -> list[object]:
        """Settlements of a market in one frame."""
        value = frame(*settles, source=source, first_seq=first_seq)
        return [output.message for output in self.append(value)]

    def order_id(self, order: PlaceOrder) -> OrderId:
        """Place an order that must be accepted."""
        return the(Place, self.tell(order)).order_id

    def balance(self, account: str, asset: str) -> tuple[int, int]:
        """What an account has of an asset: (available, held)."""
        purse = self.machine.ledger.accounts[AccountId(account)].purses.get(Asset(asset))
        balance = purse.balance if purse else Balance(Asset(asset), Units(0), Units(0))
        return balance.available, balance.held

    def replayed(self) -> Log:
        """The same records, read by a new machine."""
        again = Log(self.machine.partition)
        for _, _, value in self.records:
            again.append(value)
        return again


def the(kind: type[Message], messages: Several[object]) -> Message:
    """The one message of a kind among these."""
    found = [message for message in messages if isinstance(message, kind)]
    assert len(found) == 1, messages
    return found[0]


def release_name(log: Log, number: int, order_id: int, name: str) -> None:
    """The market's word that an order of Ann's does not go by a name."""
    release = ReleaseName(AccountId("ann"), OrderId(order_id), name)
    assert log.append(frame(release, source="matching:0", first_seq=number)) == []


def leads_to(log: Log, name: str) -> OrderId | None:
    """The open order of Ann's that goes by a client order id."""
    found = [message for message in log.tell(cancel("ann", 0, name)) if isinstance(message, Cancel)]
    return found[0].order_id if found else None


def funded(*, partition: int = 0) -> Log:
    """Ann has 1000 USDT units, Bob 50 BTC units; nothing is held."""
    log = Log(partition)
    log.tell(open_account("ann"), open_account("bob"))
    log.tell(deposit("ann", USDT, 1_000), deposit("bob", BTC, 50))
    return log
