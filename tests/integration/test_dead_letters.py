"""Poison costs its sender, nobody else: each bad record is set aside once, and orders go on."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import msgspec
import pytest
from click.testing import Result
from typer.testing import CliRunner

from infra.cli import app
from infra.dead_letters import RETURNED, DeadLetters, Letter, NotReinjectable
from infra.settings import Settings
from infra.settings import settings as read_settings
from streams.messages import (
    FRAME_VERSION,
    AccountId,
    Cancel,
    Deposit,
    Frame,
    OpenAccount,
    OrderId,
    OrderStatus,
    RequestId,
    Sequence,
    Settle,
    Side,
    Units,
    encode_frame,
)
from streams.topics import COMMANDS, DEAD_LETTERS, ORDERS, Topic
from tests.integration.exchange import BTC, MARKET, Trader, Workers, read, running, trading

pytestmark = pytest.mark.timeout(300)

Velocity = Callable[..., Awaitable[Result]]

MIB = 1024 * 1024
BROKER_LIMIT = 4 * MIB - 128
"""About the largest value that the broker takes: its own limit counts a few bytes of envelope."""


def settlements(source: str, first_seq: int) -> bytes:
    """What a market would send to a ledger, for an order that nobody has."""
    settle = Settle(
        AccountId("nobody"), OrderId(1), BTC, Units(1), Units(1), Units(0), Units(0), done=True
    )
    return encode_frame(Frame(FRAME_VERSION, source, Sequence(first_seq), [settle]))


def cancels(source: str, first_seq: int) -> bytes:
    """What a ledger would send to a market."""
    cancel = Cancel(RequestId(32), OrderId(32), AccountId("nobody"), MARKET)
    return encode_frame(Frame(FRAME_VERSION, source, Sequence(first_seq), [cancel]))


def nested(depth: int) -> bytes:
    """A frame whose field too many holds an array in an array, and so on."""
    frame = msgspec.msgpack.encode([FRAME_VERSION, "", 0, []])
    return b"\x95" + frame[1:] + b"\x91" * depth + b"\xc0"


FUTURE = msgspec.msgpack.encode([FRAME_VERSION + 1, "", 0, [[1, "alice"]]])
GARBAGE = {
    "empty": b"",
    "garbage": bytes(range(256)),
    "text": b'{"op":"place"}',
    "no UTF-8": b"\x94\x01\xa1\xff\x01\x90",
    "a frame of another version": FUTURE,
    "a frame without commands": msgspec.msgpack.encode([FRAME_VERSION, "", 0, []]),
    "a frame too long": encode_frame(
        Frame(FRAME_VERSION, "", Sequence(0), [OpenAccount(AccountId("x"))] * 257)
    ),
    "a frame cut short": cancels("ledger:0", 1)[:-3],
    "deeply nested": nested(100_000),
    "oversize": b"\x00" * (3 * MIB),
    "as large as can be": b"\x00" * BROKER_LIMIT,
}
FORGED: dict[Topic, dict[str, bytes]] = {
    COMMANDS: {
        "a source nobody has": settlements("matching:99", 1),
        "the api's settlement": settlements("", 0),
        "a gap": settlements("matching:0", 1_000),
        "a small gap": settlements("matching:0", 6),
        "number 0": settlements("matching:0", 0),
        "no name": encode_frame(
            Frame(FRAME_VERSION, "", Sequence(0), [Deposit(AccountId(""), BTC, Units(1), "")])
        ),
    },
    ORDERS: {
        "a source nobody has": cancels("ledger:99", 1),
        "the api's cancel": cancels("", 0),
        "a gap": cancels("ledger:0", 1_000),
        "a small gap": cancels("ledger:0", 6),
        "somebody else's request": cancels("ledger:1", 1),
    },
}


@pytest.fixture(scope="module")
def settings(make_settings: Callable[..., Settings]) -> Settings:
    return make_settings(account_partitions=1, market_partitions=2)


@pytest.fixture(scope="module")
def workers(settings: Settings) -> Iterator[Workers]:
    with running(settings, "ledger", "matching") as workers:
        yield workers


@pytest.fixture
async def trader(settings: Settings, workers: Workers) -> AsyncIterator[Trader]:
    async with trading(settings) as trader:
        yield trader


@pytest.fixture
def velocity(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Velocity]:
    """The command line on this venue."""
    for name in ("kafka", "cql", "venue", "home", "account_partitions", "market_partitions"):
        monkeypatch.setenv(f"VELOCITY_{name.upper()}", str(getattr(settings, name)))
    read_settings.cache_clear()
    yield lambda *arguments: asyncio.to_thread(lambda: CliRunner().invoke(app, list(arguments)))
    read_settings.cache_clear()


@pytest.fixture
async def letters(settings: Settings, workers: Workers) -> DeadLetters:
    return await DeadLetters.of(settings)


async def until_buried(settings: Settings, least: int) -> list[Letter]:
    await read(settings, DEAD_LETTERS, lambda found: len(found) >= least)
    return await (await DeadLetters.of(settings)).all()


async def test_poison_is_set_aside_once_and_orders_go_on_through_kill_9(
    settings: Settings, workers: Workers, trader: Trader, letters: DeadLetters
) -> None:
    await trader.create_market()
    await trader.open("alice", "bob")
    resting = await trader.place("alice", Side.SELL, price=100, quantity=500)
    assert (await trader.outcome(resting)).status is OrderStatus.NEW

    written: dict[str, bytes] = {}
    for topic in (COMMANDS, ORDERS):
        for value in (GARBAGE | FORGED[topic]).values():
            offset = await trader.write(topic, value, partition=0)
            written[f"{topic.short}/0@{offset}"] = value
    found = await until_buried(settings, len(written))

    assert {letter.source for letter in found} == written.keys()
    assert len(found) == len(written), "none twice"
    assert all(letter.reason for letter in found)
    assert all(letter.by in ("ledger", "matching") for letter in found)
    for letter in found:
        _, value = await letters.one(letter.name)
        whole = written[letter.source]
        assert letter.size == len(whole)
        assert value == whole[: len(value)], "kept as it was"
        assert letter.is_whole or len(whole) == BROKER_LIMIT

    # Each is killed before its next checkpoint, so it reads all of that again.
    for name in ("ledger", "matching"):
        workers.kill(name)
        workers.start(name)
        for _ in range(3):
            taker = await trader.place("bob", Side.BUY, price=100, quantity=50)
            assert (await trader.outcome(taker)).status is OrderStatus.FILLED
    assert await until_buried(settings, len(written)) == found


async def test_a_letter_goes_back_once_after_a_fix(
    settings: Settings, trader: Trader, letters: DeadLetters
) -> None:
    before = len(await letters.all())
    # There was no fix, so it is set aside again.
    value = cancels("ledger:7", 1)
    offset = await trader.write(ORDERS, value, partition=1)
    letter = (await until_buried(settings, before + 1))[-1]
    assert letter.source == f"orders/1@{offset}"

    place = await letters.reinject(letter.name)

    again = (await until_buried(settings, before + 3))[-1]
    assert again.source == place == f"orders/1@{offset + 1}"
    assert (await letters.one(again.name))[1] == value
    with pytest.raises(NotReinjectable, match="went back already, to orders/1@"):
        await letters.reinject(letter.name)


async def test_who_died_before_noting_it_did_send_it_back(
    settings: Settings, trader: Trader, letters: DeadLetters
) -> None:
    before = len(await letters.all())
    await trader.write(ORDERS, cancels("ledger:8", 1), partition=1)
    letter = (await until_buried(settings, before + 1))[-1]
    header = (RETURNED, letter.name.encode())
    sent = await trader.write(ORDERS, cancels("ledger:8", 1), partition=1, headers=[header])

    assert await letters.reinject(letter.name) == f"orders/1@{sent}"


async def test_operators_see_letters_and_send_them_back(
    settings: Settings,
    trader: Trader,
    letters: DeadLetters,
    velocity: Callable[..., Awaitable[Result]],
) -> None:
    before = len(await letters.all())
    await trader.write(COMMANDS, FUTURE, partition=0)
    name = (await until_buried(settings, before + 1))[-1].name

    listed = json.loads((await velocity("dead-letters", "list", "--json")).stdout)
    assert listed[-1]["letter"] == name
    assert listed[-1]["reason"] == f"a frame of version {FRAME_VERSION + 1}"
    assert name in (await velocity("dead-letters", "list")).stdout

    shown = json.loads((await velocity("dead-letters", "show", name, "--json")).stdout)
    assert shown["value"]["commands"][0]["account"] == "alice"
    assert (await velocity("dead-letters", "show", "0-999999")).exit_code == 1

    assert (await velocity("dead-letters", "reinject", name)).exit_code == 1, "asks before"
    assert (await velocity("dead-letters", "reinject", name, "--yes")).exit_code == 0
    again = await velocity("dead-letters", "reinject", name, "--yes")
    assert again.exit_code == 1
    assert "went back already" in again.output
