"""A market's circuit breaker: whether its price has moved too far, too fast.

Time is the log's, so a replay halts at the same trade. The price is held against what it was when
the current window began, and windows follow one another. So it takes three numbers, however much is
traded; a move that lies across two windows may be up to twice as far before it is seen.
"""

from __future__ import annotations

import msgspec

from streams.messages import BASIS_POINTS, MarketTerms


class Breaker(msgspec.Struct, gc=False):
    """The price at the beginning of a window, when that was, and the last price; in ticks, ms."""

    reference: int = 0
    since: int = 0
    last: int = 0

    def breaks(self, price: int, at: int, terms: MarketTerms) -> bool:
        """Take in a trade; whether it is outside the band."""
        if not self.reference or at - self.since >= terms.band_ms:
            self.reference, self.since = self.last or price, at
        self.last = price
        return abs(price - self.reference) * BASIS_POINTS > terms.band_bps * self.reference
