"""How offsets go on after the broker's data is gone.

A new broker counts each topic's records from 0 again. Names must never repeat, and order ids, the
archive's keys and causes all follow from offsets. So a venue's life has epochs, one for each time
its log had to begin anew, and every offset in this code is *logical*: the broker's own (*physical*)
plus where its epoch begins. Only the rims convert: what reads from the broker or writes to it.
"""

from __future__ import annotations

from dataclasses import dataclass

from streams.messages.units import Offset

OFFSETS_PER_EPOCH = 2**34
"""Records of a partition in one epoch: at a thousand a second, half a year's. Should a partition
have had more, the next epoch is the first that begins behind them."""

EPOCHS_MAX = 64
"""With so many, request ids stay below 2⁵³: see `request_id`."""

RECOVERY_JUMP = 1_000_000
"""After a recovery, public numbers (a market's `seq` and trade ids, an edge's update numbers) go on
at least so much higher than any that anybody can have seen. So a reader can tell a recovery from
records it has lost."""


@dataclass(frozen=True, slots=True)
class Epoch:
    """One of a venue's epochs, from 0."""

    number: int = 0

    @property
    def first(self) -> Offset:
        """The logical offset of its first record in each partition."""
        return Offset(self.number * OFFSETS_PER_EPOCH)

    def logical(self, physical: int) -> Offset:
        """Where a record stands in the life of the venue that the broker has at `physical`."""
        return Offset(self.first + physical)

    def physical(self, logical: int) -> int:
        """Where the broker has a record of this epoch; for one of an earlier epoch, the first."""
        return max(logical - self.first, 0)
