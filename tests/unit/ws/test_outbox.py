"""What waits for a slow client: everything it may not miss, and the newest of the rest."""

from __future__ import annotations

import pytest
from websockets.client import ClientProtocol
from websockets.frames import Frame as WireFrame
from websockets.frames import Opcode
from websockets.protocol import OPEN
from websockets.uri import parse_uri

from api.ws.frames import Frame
from api.ws.outbox import Outbox


def frame(text: str, key: str | None = None) -> Frame:
    return Frame("s", text.encode(), key)


def drain(outbox: Outbox) -> list[str]:
    texts = []
    while (taken := outbox.take()) is not None:
        texts.append(taken.payload.decode())
    return texts


def test_frames_leave_in_the_order_they_came() -> None:
    outbox = Outbox()
    for text in "abc":
        outbox.put(frame(text))

    assert drain(outbox) == ["a", "b", "c"]


def test_an_unsent_frame_gives_way_to_a_newer_one_of_its_key() -> None:
    outbox = Outbox(frames_max=3)
    outbox.put(frame("old", key="btcusdt@ticker"))
    outbox.put(frame("trade"))
    outbox.put(frame("other", key="ethusdt@ticker"))

    assert outbox.put(frame("new", key="btcusdt@ticker"))
    assert drain(outbox) == ["new", "trade", "other"]


def test_what_may_not_be_left_out_does_not_fit_when_it_is_full() -> None:
    outbox = Outbox(frames_max=2)

    assert outbox.put(frame("a"))
    assert outbox.put(frame("b"))
    assert not outbox.put(frame("c"))
    assert drain(outbox) == ["a", "b"]


def test_a_frame_is_wrapped_with_its_stream_in_combined_form() -> None:
    trade = Frame("btcusdt@trade", b'{"e":"trade"}')

    assert unframed(trade.framed(combined=False)) == b'{"e":"trade"}'
    combined = b'{"stream":"btcusdt@trade","data":{"e":"trade"}}'
    assert unframed(trade.framed(combined=True)) == combined


def test_an_answer_has_one_form() -> None:
    answer = Frame(None, b'{"result":null}')

    assert answer.framed(combined=False) == answer.framed(combined=True)
    assert unframed(answer.framed(combined=False)) == b'{"result":null}'


@pytest.mark.parametrize("size", [0, 125, 126, 65_535, 65_536])
def test_a_frame_is_made_once_and_of_any_size(size: int) -> None:
    made = Frame("s", b"x" * size)

    assert unframed(made.framed(combined=False)) == b"x" * size
    assert made.framed(combined=False) is made.framed(combined=False)
    assert made.framed(combined=True) is made.framed(combined=True)


def unframed(framed: bytes) -> bytes:
    """What a client finds in one whole text frame."""
    client = ClientProtocol(parse_uri("ws://host"), state=OPEN)
    client.receive_data(framed)
    (event,) = client.events_received()
    assert isinstance(event, WireFrame)
    assert event.opcode is Opcode.TEXT
    return bytes(event.data)
