"""Private streams at the door of streams: who shows a listen key is told of its account."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import NamedTuple, NoReturn

from api.errors import ApiError
from api.private.events import StreamTerminated
from api.private.feed import Listener, PrivateFeed, Told
from api.private.listen_keys import Right, Rights
from api.ws.frames import Frame
from api.ws.session import Close, Session

CHECK_EVERY_S = 5.0
"""How often it is looked at whether a listen key still holds: well within the time that its end may
go unnoticed for."""

AT_ONCE_MAX = 10
"""Of a connection."""

ENDED = Close(1008, "the listen key has ended")


class _Open(NamedTuple):
    session: Session
    address: str
    listen_key: str
    listener: Listener


class PrivateStreams:
    """Those that are open. `run` has to run for them to end with their listen keys."""

    def __init__(self, feed: PrivateFeed, rights: Rights, clock: Callable[[], int]) -> None:
        self._feed = feed
        self._rights = rights
        self._clock = clock
        self._open: list[_Open] = []

    async def admit(self, listen_keys: list[str], address: str) -> dict[str, Right]:
        """What listen keys are good for from an address. Raises as `Rights.find`."""
        return {each: await self._rights.find(each, address) for each in listen_keys}

    async def begin(
        self, session: Session, rights: dict[str, Right], address: str, since: int | None
    ) -> None:
        """Tell a session of these accounts, after a position or from now on.

        Raises as `PrivateFeed.listen`.
        """
        for listen_key, right in rights.items():
            tell = _teller(session, listen_key)
            listener = await self._feed.listen(right.account, tell, since)
            self._open.append(_Open(session, address, listen_key, listener))

    def end(self, session: Session) -> None:
        """Tell a session no more."""
        for each in self._open:
            if each.session is session:
                self._feed.stop(each.listener)
        self._open = [each for each in self._open if each.session is not session]

    async def run(self) -> NoReturn:
        """Until cancelled."""
        while True:
            await asyncio.sleep(CHECK_EVERY_S)
            for each in list(self._open):
                if await self._has_ended(each):
                    self._feed.stop(each.listener)
                    notice = StreamTerminated(event_time=self._clock())
                    each.session.send(Frame(each.listen_key, notice))
                    each.session.close(ENDED)

    async def _has_ended(self, each: _Open) -> bool:
        """While nobody can tell, it goes on."""
        try:
            await self._rights.find(each.listen_key, each.address)
        except ApiError as error:
            return error.status < 500
        return False


def _teller(session: Session, listen_key: str) -> Callable[[Told], None]:
    return lambda told: session.send(Frame(listen_key, told.event))
