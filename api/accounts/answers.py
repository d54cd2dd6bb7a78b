"""What a request is answered with: its outcome, or that of the earlier one whose retry it is."""

from __future__ import annotations

from typing import NamedTuple

from api.accounts.history import History
from api.accounts.sender import Placed
from api.accounts.view import AccountView
from api.errors import key_reused
from streams.messages import (
    Millis,
    Reason,
    RequestId,
    RequestRejected,
    RequestRepeated,
    Update,
)


class Taken(NamedTuple):
    """A request, and when the log took it."""

    request: RequestId
    at: Millis


class Answers:
    """Waits for outcomes, here or, of retries, in the past."""

    def __init__(self, view: AccountView, history: History) -> None:
        self._view = view
        self._history = history

    async def outcome(self, placed: Placed) -> list[Update]:
        """What a command made; of a retry, what its first request made.

        Raises -1007 when that is not known in time, 409 where its key was that of another request.
        """
        match await self._view.outcome(placed.request):
            case [RequestRepeated() as repeated]:
                return await self._first_outcome(placed.partition, repeated)
            case [RequestRejected(reason=Reason.KEY_REUSED)]:
                raise key_reused()
            case updates:
                return updates

    async def earlier(self, placed: Placed) -> list[Update] | None:
        """What the request made that a `FindRequest` asked for; None where there was none.

        Raises -1007 when that is not known in time.
        """
        match await self._view.outcome(placed.request):
            case [RequestRepeated() as repeated]:
                return await self._first_outcome(placed.partition, repeated)
            case _:
                return None

    async def taken(self, placed: Placed) -> Taken:
        """An order with a key, once the ledger has it; of a retry, its first request.

        Raises as `outcome`.
        """
        match await self._view.repeated(placed):
            case None:
                return Taken(placed.request, placed.at)
            case RequestRepeated(first=first, first_at=at):
                return Taken(first, at)
            case RequestRejected():
                raise key_reused()

    async def _first_outcome(self, partition: int, repeated: RequestRepeated) -> list[Update]:
        if self._view.knows(repeated.first):
            return await self._view.outcome(repeated.first)
        past = await self._history.outcome(partition, repeated.first, repeated.first_at)
        # Else a read that follows could show less than was just told.
        await self._view.wait_seen(partition, past.offset)
        return past.updates
