"""What the service tells of itself, and what of it makes it ready."""

from __future__ import annotations

from infra.health import Health
from projections.patience import Faults


class FeedStatus:
    """Whether one feed can do its work, and how far it has come."""

    def __init__(self, name: str, board: StatusBoard) -> None:
        self._board = board
        self._partitions: int | None = None
        self._records = 0
        self._lag: int | None = None
        self.faults = Faults(name, board.update)

    @property
    def ready(self) -> bool:
        return self._partitions is not None and not self.faults.reasons

    @property
    def details(self) -> dict[str, object]:
        """`lag` is in records, as of the last look; None before the first."""
        return {
            "ready": self.ready,
            "partitions": self._partitions or 0,
            "records": self._records,
            "lag": self._lag,
            **self.faults.reasons,
        }

    def joined(self, partitions: int) -> None:
        """The feed has its share of the partitions, if only an empty one."""
        self._partitions = partitions
        self._board.update()

    def took(self, records: int) -> None:
        """So many records more are in the database."""
        self._records += records
        self._board.update()

    def behind(self, records: int) -> None:
        """So many records were in the log and not taken yet."""
        self._lag = records
        self._board.update()


class StatusBoard:
    """Keeps a service's health at what its feeds say: ready when all of them are."""

    def __init__(self, health: Health) -> None:
        self._health = health
        self._feeds: dict[str, FeedStatus] = {}
        self.faults = Faults("service", self.update)

    def feed(self, name: str) -> FeedStatus:
        """The status of a feed, from now on on the board."""
        status = self._feeds[name] = FeedStatus(name, self)
        return status

    def update(self) -> None:
        feeds = self._feeds
        self._health.details = {name: feed.details for name, feed in feeds.items()}
        self._health.details |= self.faults.reasons
        self._health.ready = (
            bool(feeds) and not self.faults.reasons and all(feed.ready for feed in feeds.values())
        )
