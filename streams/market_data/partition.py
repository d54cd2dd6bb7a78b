"""Market data of one partition of `trades`: records in, outputs out.

What is said here are states, each of which makes the one before it worthless, and there are 17 of
them for each trade. So they are sampled: a candle's last state is always said, of the others
those that a driver asks for. What a name says follows from the trades alone, so it is the same
whoever samples, and how often; only which names are said may differ when trades are read again,
and since a reader of states needs nothing but names that rise, it loses nothing.

A rule that follows from the log alone can't do this. The last trade before a silence must be
seen, and any trade may be that, so it would have to speak at each; a timer would make the
machine depend on a clock. The end of what the log had to give is neither: at rest each trade is
said at once, and under load hundreds share the cost of one sample (`observe`, then `sample`).
`apply` samples at each aggregate's end: right everywhere, but dear, at 120 µs a trade against 5.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec
from mypy_extensions import mypyc_attr

from streams.market_data import snapshot
from streams.market_data.candle import candle_of
from streams.market_data.market import MarketData
from streams.messages import AmountError, Kline, MarketId, Ticker, Trade, trades
from streams.messages.epoch import RECOVERY_JUMP
from streams.outputs import MalformedRecord, Output, state_digest
from streams.topics import KLINES, TICKERS


@mypyc_attr(native_class=False)
class TradeGap(RuntimeError):
    """A market's trades are numbered without a gap, and one is missing: the log lost records.

    The jump that marks a recovery is none: nobody has the trades that might have been between.
    """


class MarketDataPartition:
    """A `Processor` over one partition of `trades`.

    A market not seen before may begin with any trade, as the log keeps them for some days only.
    Times are those of the trades; the log's stamps on them are not used.
    """

    def __init__(self, partition: int) -> None:
        self.partition = partition
        self.position = -1
        self.markets: dict[MarketId, MarketData] = {}
        # Markets with trades since the last sample. Not part of the state, as sampling is not.
        self._unsaid: dict[MarketId, MarketData] = {}

    def apply(self, offset: int, at: int, value: bytes) -> list[Output]:
        """Take the record at `offset` and, at the end of an aggregate, sample.

        Raises `MalformedRecord`, or `TradeGap`: the process must stop then.
        """
        trade = self._take(offset, value)
        if trade is None:
            return []
        outputs = self._add(trade)
        return outputs + self.sample() if trade.aggregate_last else outputs

    def observe(self, offset: int, at: int, value: bytes) -> list[Output]:
        """Take the record at `offset`; returns the last state of each candle that it closes.

        For a driver that calls `sample` at the end of the records it has. Raises as `apply` does.
        """
        trade = self._take(offset, value)
        return [] if trade is None else self._add(trade)

    def retake(self, offset: int, at: int, value: bytes) -> None:
        """Take a record as `observe` does, where all that follows from it is said."""
        self.observe(offset, at, value)

    def sample(self) -> list[Output]:
        """Ticker and candles, as they stand, of the markets with trades since the last sample."""
        unsaid, self._unsaid = self._unsaid, {}
        return [self._output(event) for market in unsaid.values() for event in market.sample()]

    def _take(self, offset: int, value: bytes) -> Trade | None:
        """The trade of a record, unless it was taken before."""
        if offset <= self.position:
            return None
        self.position = offset
        try:
            trade = trades.decode(value)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise MalformedRecord(str(error)) from error
        market = self.markets.get(trade.market)
        if market is not None and trade.trade_id <= market.last_trade_id:
            return None
        return trade

    def _add(self, trade: Trade) -> list[Output]:
        try:
            candle = candle_of(trade)
        except AmountError as error:
            raise MalformedRecord(str(error)) from error
        market = self.markets.get(trade.market)
        if market is None:
            market = self.markets[trade.market] = MarketData(trade.market)
        elif 0 < trade.trade_id - market.last_trade_id - 1 < RECOVERY_JUMP:
            raise TradeGap(f"{trade.market}: {trade.trade_id} after {market.last_trade_id}")
        self._unsaid[trade.market] = market
        return [self._output(kline) for kline in market.add(candle)]

    def _output(self, event: Ticker | Kline) -> Output:
        # Candles of several intervals end with the same trade: each interval has its own edge.
        if isinstance(event, Kline):
            source = f"{event.market}/{event.interval}"
            return Output(KLINES, self.partition, event.market, source, event.seq, event)
        return Output(TICKERS, self.partition, event.market, event.market, event.seq, event)

    def begin_epoch(self, first: int) -> list[Output]:
        """Go on in a new log, whose first offset is `first`; say each market's ticker afresh."""
        self.position = first - 1
        tickers = [self.markets[name].ticker() for name in sorted(self.markets)]
        return [self._output(ticker) for ticker in tickers if ticker is not None]

    def snapshot(self) -> Iterator[bytes]:
        """The state in chunks; take them all before the next record."""
        return snapshot.write(self)

    def restore(self, chunks: Iterable[bytes]) -> None:
        """Become the state that `snapshot` gave. Raises `SnapshotMismatch`."""
        snapshot.read(self, chunks)

    def digest(self) -> str:
        """A hash of the state and its position."""
        return state_digest(self.snapshot())
