"""Frames on their way to one client: bounded, and conflated where that loses nothing."""

from __future__ import annotations

from collections import OrderedDict

from api.ws.frames import Frame

OUTBOX_FRAMES_MAX = 8_192
"""Many times what one batch from the log makes for a client with some streams; more than this in
arrears means that it reads more slowly than the market moves."""


class Outbox:
    """Keeps frames in the order they came, but for one with a key: that takes the place of an
    unsent one with the same key."""

    def __init__(self, frames_max: int = OUTBOX_FRAMES_MAX) -> None:
        self._frames: OrderedDict[object, Frame] = OrderedDict()
        self._frames_max = frames_max

    def __len__(self) -> int:
        return len(self._frames)

    def put(self, frame: Frame) -> bool:
        """False if it is full; the frame is not in it then."""
        # A frame without a key stands for itself.
        key = frame if frame.key is None else frame.key
        if key not in self._frames and len(self._frames) >= self._frames_max:
            return False
        self._frames[key] = frame
        return True

    def take(self) -> Frame | None:
        """The next frame, None if there is none."""
        return self._frames.popitem(last=False)[1] if self._frames else None
