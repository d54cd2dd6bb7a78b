"""A message on its way to subscribers, made once however many there are."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from websockets.frames import Frame as WireFrame
from websockets.frames import Opcode

from api.ws import payloads

Content = bytes | msgspec.Struct | Sequence[msgspec.Struct]
"""What a frame tells: JSON, or what becomes it."""


class Frame:
    """Its bytes are made when they are first asked for: one that gives way to a newer one before
    it was sent costs nothing more.

    As a server's frames are neither masked nor, here, compressed, each form is the same bytes for
    all who get it: raw or combined with its stream's name, in milliseconds or in microseconds. A
    frame of no stream, the answer to a request, is the same in both; JSON has no other unit.
    """

    __slots__ = ("_content", "_framed", "_stream", "key")

    def __init__(self, stream: str | None, content: Content, key: str | None = None) -> None:
        self.key = key
        self._content = content
        self._stream = stream
        self._framed: dict[tuple[bool, bool], bytes] = {}

    @property
    def payload(self) -> bytes:
        """What it tells, as JSON in milliseconds."""
        return self._encoded(in_microseconds=False)

    def framed(self, *, combined: bool, in_microseconds: bool = False) -> bytes:
        """It as a frame of RFC 6455."""
        form = (combined, in_microseconds)
        framed = self._framed.get(form)
        if framed is None:
            payload = self._encoded(in_microseconds)
            if combined and self._stream is not None:
                payload = b'{"stream":"%b","data":%b}' % (self._stream.encode(), payload)
            framed = self._framed[form] = frame_of(payload)
        return framed

    def _encoded(self, in_microseconds: bool) -> bytes:
        content = self._content
        if isinstance(content, bytes):
            return content
        return payloads.encode(payloads.in_microseconds(content) if in_microseconds else content)


def frame_of(payload: bytes) -> bytes:
    """A text message of a server as a frame of RFC 6455."""
    return WireFrame(Opcode.TEXT, payload).serialize(mask=False)
