"""What is on the log can be read: today's by today's code, and yesterday's too."""

from __future__ import annotations

import enum
import types
import typing
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.messages import (
    FRAME_VERSION,
    AccountCommand,
    Depth,
    Frame,
    Kline,
    Market,
    MarketCommand,
    PublicEvent,
    Sequence,
    Ticker,
    Trade,
    Update,
    account_frames,
    depths,
    encode_event,
    encode_frame,
    klines,
    market_frames,
    markets,
    tickers,
    trades,
    updates,
)
from tests.unit.messages.samples import EARLIER, SAMPLES, Message, golden_path, golden_text

READERS: dict[type, msgspec.json.Decoder[Any]] = {
    Trade: trades,
    Depth: depths,
    Ticker: tickers,
    Kline: klines,
    Market: markets,
    **dict.fromkeys(typing.get_args(Update), updates),
}
KINDS = [
    kind
    for union in (AccountCommand, MarketCommand, Update, PublicEvent)
    for kind in typing.get_args(union)
]

TRICKY = 'aZ0 "\\/\n\0é€😀'
"""Characters of one to four bytes, and those that JSON escapes."""


def read(message_type: type, record: bytes) -> object:
    """The message of a record, read as its topic's readers do."""
    if message_type in READERS:
        return READERS[message_type].decode(record)
    frames = account_frames if message_type in typing.get_args(AccountCommand) else market_frames
    (command,) = frames.decode(record).commands
    return command


def values(kind: Any) -> st.SearchStrategy[Any]:
    """Any value of a type that a message may hold; integers as far as 64 bits go."""
    while isinstance(kind, typing.NewType):
        kind = kind.__supertype__
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is list:
        return st.lists(values(arguments[0]), max_size=3)
    if origin is tuple:
        return st.tuples(*map(values, arguments))
    if origin in (typing.Union, types.UnionType):
        return st.one_of(*map(values, arguments))
    if issubclass(kind, msgspec.Struct):
        hints = typing.get_type_hints(kind)
        return st.builds(kind, **{name: values(hints[name]) for name in kind.__struct_fields__})
    if issubclass(kind, enum.Enum):
        return st.sampled_from(kind)
    plain = {
        bool: st.booleans(),
        int: st.integers(-(2**63), 2**63 - 1),
        str: st.text(TRICKY, max_size=8),
        types.NoneType: st.none(),
    }
    return plain[kind]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_message_comes_back_as_it_went(kind: type) -> None:
    @settings(max_examples=20, deadline=None)
    @given(values(kind))
    def comes_back(message: Any) -> None:
        if kind in READERS:
            record = encode_event(message)
        else:
            record = encode_frame(Frame(FRAME_VERSION, "s", Sequence(1), [message]))
        assert read(kind, record) == message

    comes_back()


def test_every_message_has_a_sample() -> None:
    assert [type(sample) for sample in SAMPLES] == KINDS


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: type(sample).__name__)
def test_the_format_of_a_message_has_not_changed(sample: Message) -> None:
    golden = golden_path(sample).read_text()
    assert golden_text(sample) == golden
    assert read(type(sample), golden_record(golden_path(sample))) == sample


@pytest.mark.parametrize(
    ("sample", "number"),
    EARLIER,
    ids=lambda value: "" if isinstance(value, int) else type(value).__name__,
)
def test_a_record_of_an_earlier_format_is_read(sample: Message, number: int) -> None:
    assert read(type(sample), golden_record(golden_path(sample, number))) == sample


def golden_record(path: Path) -> bytes:
    text = path.read_text()
    return bytes.fromhex(text) if path.suffix == ".hex" else text.strip().encode()


def test_a_command_with_fields_of_tomorrow_is_still_read() -> None:
    record = msgspec.msgpack.encode([1, "", 0, [[1, "ann", "a field added later"]]])
    assert account_frames.decode(record).commands == [SAMPLES[0]]
