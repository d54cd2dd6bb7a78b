"""The private streams that one connection listens to."""

from __future__ import annotations

from collections.abc import Callable

from api.errors import (
    ApiError,
    subscription_active,
    subscription_inactive,
    subscriptions_used_up,
    too_many_subscriptions,
)
from api.identity.keys import ApiKey
from api.private.events import StreamTerminated
from api.private.feed import Listener, PrivateFeed, Told
from api.ws.payloads import encode, in_microseconds

AT_ONCE_MAX = 100
"""Of a connection: fewer than Binance's 1,000."""

EVER_MAX = 65_535


class Subscription:
    """One of them. What comes before `open`, the answer that says its number, waits for it."""

    def __init__(
        self,
        number: int,
        key: ApiKey,
        tell: Callable[[bytes], None],
        *,
        by_logon: bool,
        in_microseconds: bool,
    ) -> None:
        self.number = number
        self.key = key
        self.by_logon = by_logon
        self.listener: Listener | None = None
        self.begins_after = 0
        self._tell = tell
        self._in_microseconds = in_microseconds
        self._waiting: list[bytes] | None = []

    def hear(self, told: Told) -> None:
        if self._in_microseconds:
            self._say(encode(in_microseconds(told.event)))
        else:
            self._say(told.payload)

    def terminate(self, now_ms: int) -> None:
        """Say that there will be no more."""
        ended = StreamTerminated(event_time=now_ms)
        self._say(encode(in_microseconds(ended) if self._in_microseconds else ended))

    def _say(self, event: bytes) -> None:
        wrapped = b'{"subscriptionId":%d,"event":%b}' % (self.number, event)
        if self._waiting is None:
            self._tell(wrapped)
        else:
            self._waiting.append(wrapped)

    def open(self) -> None:
        waiting, self._waiting = self._waiting or [], None
        for wrapped in waiting:
            self._tell(wrapped)


class Subscriptions:
    """Begins and ends them; `tell` puts an event on its way to the client."""

    def __init__(
        self, feed: PrivateFeed, tell: Callable[[bytes], None], *, in_microseconds: bool = False
    ) -> None:
        self._feed = feed
        self._tell = tell
        self._in_microseconds = in_microseconds
        self._active: dict[int, Subscription] = {}
        self._begun = 0

    def __len__(self) -> int:
        return len(self._active)

    @property
    def active(self) -> list[Subscription]:
        return list(self._active.values())

    async def begin(self, key: ApiKey, since: int | None, *, by_logon: bool) -> Subscription:
        """Listen to the account of a key, after a position or from now on; nothing comes before
        it is opened.

        Raises -2035, -1191, -2042, and as `PrivateFeed.listen`.
        """
        if any(each.key.account == key.account for each in self._active.values()):
            raise subscription_active()
        if len(self._active) >= AT_ONCE_MAX:
            raise too_many_subscriptions(AT_ONCE_MAX)
        if self._begun >= EVER_MAX:
            raise subscriptions_used_up()
        subscription = Subscription(
            self._begun,
            key,
            self._tell,
            by_logon=by_logon,
            in_microseconds=self._in_microseconds,
        )
        self._begun += 1
        # It has its place before anything is waited for, so that there can't be two.
        self._active[subscription.number] = subscription
        try:
            listener = await self._feed.listen(key.account, subscription.hear, since)
        except ApiError:
            self._active.pop(subscription.number, None)
            raise
        if subscription.number not in self._active:  # it was ended meanwhile
            self._feed.stop(listener)
            raise subscription_inactive()
        subscription.listener = listener
        subscription.begins_after = listener.began_after
        return subscription

    def end(self, number: int, now_ms: int) -> None:
        """Raises -2036 where there is none of that number."""
        subscription = self._active.pop(number, None)
        if subscription is None:
            raise subscription_inactive()
        if subscription.listener is not None:
            self._feed.stop(subscription.listener)
        subscription.terminate(now_ms)

    def end_all(self, now_ms: int, *, by_logon_alone: bool = False) -> None:
        for number, subscription in list(self._active.items()):
            if subscription.by_logon or not by_logon_alone:
                self.end(number, now_ms)
