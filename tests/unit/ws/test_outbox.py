"""What waits for a slow client: everything it may not miss, and the newest of the rest."""

from __future__ import annotations

import asyncio

from api.ws.channels import Frame
from api.ws.outbox import Outbox


def drain(outbox: Outbox) -> list[str]:
    texts = []
    while (frame := outbox.take()) is not None:
        texts.append(frame.text)
    return texts


def test_frames_leave_in_the_order_they_came() -> None:
    outbox = Outbox()
    for text in "abc":
        outbox.put(Frame("s", text))

    assert drain(outbox) == ["a", "b", "c"]


def test_an_unsent_frame_gives_way_to_a_newer_one_of_its_key() -> None:
    outbox = Outbox(frames_max=3)
    outbox.put(Frame("s", "old", key="btcusdt@ticker"))
    outbox.put(Frame("s", "trade"))
    outbox.put(Frame("s", "other", key="ethusdt@ticker"))

    assert outbox.put(Frame("s", "new", key="btcusdt@ticker"))
    assert drain(outbox) == ["new", "trade", "other"]


def test_what_may_not_be_left_out_does_not_fit_when_it_is_full() -> None:
    outbox = Outbox(frames_max=2)

    assert outbox.put(Frame("s", "a"))
    assert outbox.put(Frame("s", "b"))
    assert not outbox.put(Frame("s", "c"))
    assert drain(outbox) == ["a", "b"]


async def test_waiting_ends_with_the_first_frame() -> None:
    outbox = Outbox()
    waiting = asyncio.create_task(outbox.wait())
    await asyncio.sleep(0)
    assert not waiting.done()

    outbox.put(Frame("s", "a"))
    await asyncio.wait_for(waiting, 1)
    await asyncio.wait_for(outbox.wait(), 1)


def test_a_frame_is_wrapped_with_its_stream_in_combined_form() -> None:
    assert Frame("btcusdt@trade", '{"e":"trade"}').combined == (
        '{"stream":"btcusdt@trade","data":{"e":"trade"}}'
    )
    assert Frame(None, '{"result":null}').combined == '{"result":null}'
