"""Those who write to the log from outside: the api for its clients, the administrator, strangers.

The api's frames bear no source. A client whose frame is not acknowledged does not know what became
of it; one that is acknowledged knows its commands' names. Some requests bear an idempotency key,
and are sent again under it: later, or at the same time through another api; some keys are used
again for another request.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field

import msgspec

from streams.messages import (
    FRAME_VERSION,
    AccountCommand,
    AccountFees,
    AccountId,
    AccountStatus,
    AmendOrder,
    Asset,
    CancelOrder,
    CancelReplaceOrder,
    ConfigureMarket,
    DecideWithdrawal,
    Deposit,
    DescribeAccount,
    Frame,
    MarketConfig,
    MarketId,
    MarketStatus,
    OpenAccount,
    OrderId,
    PlaceOrder,
    RequestId,
    RequestWithdrawal,
    Sequence,
    SetAccountStatus,
    SetFees,
    Settle,
    Units,
    Withdraw,
    encode_frame,
    partition_of_account,
    request_id,
)
from streams.messages import Cancel as CancelResting
from streams.runtime.ports import Record
from streams.topics import COMMANDS, ORDERS
from tests.simulation.log import Broker
from tests.simulation.orders import Orders
from tests.simulation.trace import Trace

TICK, LOT = Units(1_000_000), Units(1_000)
PAUSE_S = 0.8
KEYED = 0.3
AGAIN = 0.25
AT_ONCE = 0.1
REMEMBERED = 12
SILENT = 0.03
FAR_AHEAD = Sequence(10**6)

BTC, ETH, USDT = Asset("BTC"), Asset("ETH"), Asset("USDT")
PAIRS = (("BTCUSDT", 0, BTC, USDT), ("ETHUSDT", 1, ETH, USDT), ("ETHBTC", 0, ETH, BTC))
ACCOUNTS = tuple(AccountId(f"account-{number}") for number in range(6))
DEPOSIT = 20_000

Keyed = PlaceOrder | CancelOrder | AmendOrder | CancelReplaceOrder | Deposit | Withdraw
"""What can be sent again without being done again."""

Unkeyed = (
    OpenAccount
    | DescribeAccount
    | SetAccountStatus
    | SetFees
    | RequestWithdrawal
    | DecideWithdrawal
)


def markets(partitions: int) -> list[MarketConfig]:
    """Three markets; two of them share a partition."""
    return [
        MarketConfig(
            market=MarketId(name),
            partition=partition % partitions,
            base=base,
            quote=quote,
            tick=TICK,
            lot=LOT,
            min_notional=Units(60),
            maker_fee_bps=10,
            taker_fee_bps=20,
        )
        for name, partition, base, quote in PAIRS
    ]


@dataclass
class Clients:
    """All clients' api, with the list of what the log acknowledged to them."""

    broker: Broker
    trace: Trace
    account_partitions: int
    market_partitions: int
    acknowledged: dict[RequestId, AccountCommand] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._rng = self.broker.weather.rng
        self._orders = Orders(self._rng, markets(self.market_partitions))
        self._keys = 0
        self._keyed: dict[int, deque[Keyed]] = {}

    def accounts(self, partition: int) -> list[AccountId]:
        """Those of one partition."""
        count = self.account_partitions
        return [name for name in ACCOUNTS if partition_of_account(name, count) == partition]

    async def trade(self, partition: int, frames: int) -> None:
        """Open and fund a partition's accounts, then send so many frames for them."""
        accounts = self.accounts(partition)
        for account in accounts:
            funds = [
                Deposit(account, asset, Units(DEPOSIT * LOT), "") for asset in (BTC, ETH, USDT)
            ]
            await self._send(partition, [OpenAccount(account), *funds])
        for _ in range(frames if accounts else 0):
            await asyncio.sleep(self._rng.random() * PAUSE_S)
            size = self._rng.choice((1, 1, 1, 2, 6))
            frame = [self._request(partition, accounts) for _ in range(size)]
            apis = 2 if self._rng.random() < AT_ONCE else 1
            keyed = [command for command in frame if idempotency_key_of(command)]
            copies = [frame, *[keyed] * (apis - 1)] if keyed else [frame]
            await asyncio.gather(*(self._send(partition, copy) for copy in copies))

    def _request(self, partition: int, accounts: list[AccountId]) -> AccountCommand:
        """A command, or the retry of one that bore a key, or the misuse of its key."""
        known = self._keyed.setdefault(partition, deque(maxlen=REMEMBERED))
        if known and self._rng.random() < AGAIN:
            command = self._rng.choice(known)
            if isinstance(command, Deposit) and self._rng.random() < 0.2:
                return msgspec.structs.replace(command, amount=Units(command.amount + 1))
            return command
        made = self._command(accounts)
        if isinstance(made, Unkeyed) or self._rng.random() >= KEYED:
            return made
        self._keys += 1
        keyed: Keyed = msgspec.structs.replace(made, idempotency_key=f"key-{self._keys}")
        known.append(keyed)
        return keyed

    def _command(self, accounts: list[AccountId]) -> Keyed | Unkeyed:
        """Mostly an order; a cancel of one that was placed; money in or out; a wrong request."""
        account, drawn = self._rng.choice(accounts), self._rng.random()
        if drawn < 0.72:
            return self._orders.place(account)
        if drawn < 0.8:
            return self._orders.cancel(account)
        if drawn < 0.85:
            return self._orders.replace(account)
        if drawn < 0.9:
            return self._orders.amend(account)
        asset, amount = (
            self._rng.choice((BTC, ETH, USDT)),
            Units(self._rng.randint(-1, 5_000) * LOT),
        )
        if drawn < 0.94:
            return Withdraw(account, asset, amount, "")
        if drawn < 0.95:
            return Deposit(account, asset, amount, "")
        if drawn < 0.96:
            return OpenAccount(account)
        return self._administration(account, asset, amount)

    def _administration(self, account: AccountId, asset: Asset, amount: Units) -> Unkeyed:
        """What an administrator does to an account, or asks for it; seldom twice the same."""
        rng = self._rng
        reference = f"out-{rng.randrange(8)}"
        made: tuple[Unkeyed, ...] = (
            DescribeAccount(account),
            SetAccountStatus(account, AccountStatus.FROZEN, "case 7"),
            *[SetAccountStatus(account, AccountStatus.OPEN, "")] * 3,
            SetAccountStatus(account, AccountStatus.CLOSED, "gone"),
            SetFees(account, rng.choice((None, AccountFees(0, 7)))),
            *[RequestWithdrawal(account, asset, Units(abs(amount) // 10), reference)] * 3,
            *[DecideWithdrawal(account, reference, rng.random() < 0.7, "")] * 3,
        )
        return rng.choice(made)

    async def _send(self, partition: int, commands: list[AccountCommand]) -> None:
        """Append one frame; one that gets no answer may be in the log, or not."""
        value = encode_frame(Frame(FRAME_VERSION, "", Sequence(0), commands))
        weather = self.broker.weather
        silent = weather.lost > 0 and self._rng.random() < SILENT
        if silent and self._rng.random() < 0.5:
            return
        record = Record(commands[0].account.encode(), value, [])
        landed = self.broker.send((COMMANDS, partition), [record], weather.delay(), _in_time)
        end = await landed
        await weather.pass_network()
        if silent:
            return
        for index, command in enumerate(commands):
            request = request_id(partition, end - 1, index)
            self.acknowledged[request] = command
            if isinstance(command, PlaceOrder):
                self._orders.placed(OrderId(request), command)

    async def administer(self, changes: int, pause_s: float) -> None:
        """Create the markets, then change one now and then."""
        configs = markets(self.market_partitions)
        for config in configs:
            await self._configure(config)
        for _ in range(changes):
            await asyncio.sleep(self._rng.random() * pause_s)
            status = self._rng.choice((MarketStatus.TRADING, MarketStatus.HALT))
            fee = self._rng.randint(0, 50)
            config = self._rng.choice(configs)
            await self._configure(msgspec.structs.replace(config, status=status, maker_fee_bps=fee))
            if status is MarketStatus.HALT:
                await asyncio.sleep(self._rng.random())
                await self._configure(config)

    async def _configure(self, config: MarketConfig) -> None:
        value = encode_frame(Frame(FRAME_VERSION, "", Sequence(0), [ConfigureMarket(config)]))
        record = Record(config.market.encode(), value, [])
        delay = self.broker.weather.delay()
        await self.broker.send((ORDERS, config.partition), [record], delay, _in_time)

    async def disturb(self, times: int, pause_s: float) -> None:
        """Write what no part of the exchange would, where only they should write."""
        for _ in range(times):
            await asyncio.sleep(self._rng.random() * pause_s)
            topic, count = self._rng.choice(
                ((COMMANDS, self.account_partitions), (ORDERS, self.market_partitions))
            )
            place = (topic, self._rng.randrange(count))
            kind, value = self._rng.choice(GARBAGE[topic.short])
            landed = self.broker.send(place, [Record(b"?", value, [])], 0.0, _in_time)
            offset = await landed - 1
            self.broker.foreign.add((place, offset))
            self.trace.fault("garbage", "a stranger", f"writes {kind} to {topic.short}/{place[1]}")


def idempotency_key_of(command: AccountCommand) -> str:
    """The key that a command bears; empty for none."""
    return command.idempotency_key if isinstance(command, Keyed) else ""


def _in_time() -> bool:
    return False


_SETTLE = Settle(ACCOUNTS[0], OrderId(1), BTC, Units(1), Units(1), Units(0), Units(0), True)
_CANCEL = CancelResting(RequestId(1), OrderId(1), ACCOUNTS[0], MarketId("BTCUSDT"))
_TO_LEDGER = CancelOrder(ACCOUNTS[0], MarketId("BTCUSDT"), 0, OrderId(1), "")
_ANY = [("nothing", b""), ("garbage", b"\xc1garbage"), ("text", b'{"version": 1}')]

GARBAGE = {
    COMMANDS.short: [
        *_ANY,
        ("a forged settlement", encode_frame(Frame(1, "matching:0", FAR_AHEAD, [_SETTLE]))),
        ("a settlement of nobody's", encode_frame(Frame(1, "", Sequence(0), [_SETTLE]))),
        ("an unknown version", encode_frame(Frame(99, "matching:1", FAR_AHEAD, [_SETTLE]))),
        ("an empty frame", encode_frame(Frame(1, "", Sequence(0), list[AccountCommand]()))),
        ("a ledger's frame", encode_frame(Frame(1, "ledger:0", FAR_AHEAD, [_TO_LEDGER]))),
    ],
    ORDERS.short: [
        *_ANY,
        ("a forged cancel", encode_frame(Frame(1, "ledger:0", FAR_AHEAD, [_CANCEL]))),
        ("a cancel of nobody's", encode_frame(Frame(1, "", Sequence(0), [_CANCEL]))),
        ("an unknown version", encode_frame(Frame(99, "ledger:1", FAR_AHEAD, [_CANCEL]))),
    ],
}
"""What strangers write: each of it ends as a dead letter."""
