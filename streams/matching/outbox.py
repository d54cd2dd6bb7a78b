"""What a matching partition puts out, numbered for each partition of accounts that it goes to.

Settlements go to the account's ledger and updates to its owner, each with a number of this
partition's own. Public events are named by their market and need none.
"""

from __future__ import annotations

from streams.messages import (
    Cause,
    Depth,
    Market,
    Millis,
    Offset,
    OrderUpdate,
    RequestRejected,
    Sequence,
    Settle,
    Trade,
    partition_of_request,
)
from streams.outputs import Output
from streams.topics import COMMANDS, DEPTH, MARKETS, TRADES, UPDATES, Topic


class Outbox:
    """Numbers and collects the outputs of one partition, command by command.

    `source`, `at` and `cause` are what every update of the current command says of itself.
    """

    __slots__ = (
        "_outputs",
        "_partition",
        "at",
        "cause",
        "last_commands",
        "last_updates",
        "source",
    )

    def __init__(self, partition: int, account_partitions: int) -> None:
        self._partition = partition
        self._outputs: list[Output] = []
        self.source = f"matching:{partition}"
        self.at = Millis(0)
        self.cause = Cause(partition, Offset(-1), 0)
        self.last_commands = [0] * account_partitions
        self.last_updates = [0] * account_partitions

    def begin(self, offset: int, index: int, at: int) -> None:
        """What is put out from here on follows from the command at this place and time."""
        self.at = Millis(at)
        self.cause = Cause(self._partition, Offset(offset), index)

    def take(self) -> list[Output]:
        """What was put out since the last time."""
        outputs, self._outputs = self._outputs, []
        return outputs

    def settle(self, settle: Settle) -> Sequence:
        """Send a settlement to its account's ledger; returns its number."""
        partition = partition_of_request(settle.order_id)
        self.last_commands[partition] += 1
        seq = Sequence(self.last_commands[partition])
        self._put(COMMANDS, partition, settle.account, self.source, seq, settle)
        return seq

    def next_update(self, request: int) -> Sequence:
        """The number of the next update to where a request came from; it must be put out."""
        partition = partition_of_request(request)
        self.last_updates[partition] += 1
        return Sequence(self.last_updates[partition])

    def update(self, update: OrderUpdate | RequestRejected) -> None:
        """Tell an account what became of an order or a request."""
        partition = partition_of_request(update.request)
        self._put(UPDATES, partition, update.account, self.source, update.seq, update)

    def trade(self, trade: Trade) -> None:
        self._put(TRADES, self._partition, trade.market, trade.market, trade.seq, trade)

    def depth(self, depth: Depth) -> None:
        self._put(DEPTH, self._partition, depth.market, depth.market, depth.seq, depth)

    def market(self, market: Market) -> None:
        self._put(MARKETS, 0, market.market, market.market, market.seq, market)

    def _put(
        self,
        topic: Topic,
        partition: int,
        key: str,
        source: str,
        seq: Sequence,
        message: Settle | OrderUpdate | RequestRejected | Trade | Depth | Market,
    ) -> None:
        self._outputs.append(Output(topic, partition, key, source, seq, message))
