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
    MoveHold,
    Offset,
    OrderUpdate,
    ReleaseName,
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

    `source`, `at` and `cause` are what every update of the current command says of itself. While it
    `is_silent`, outputs are numbered and not kept; what is dear to make need not be made.
    """

    __slots__ = (
        "_outputs",
        "_partition",
        "at",
        "cause",
        "is_silent",
        "last_commands",
        "last_updates",
        "source",
    )

    def __init__(self, partition: int, account_partitions: int) -> None:
        self._partition = partition
        self._outputs: list[Output] = []
        self.source = f"matching:{partition}"
        self.is_silent = False
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

    def settle(self, settle: Settle | ReleaseName | MoveHold) -> Sequence:
        """Send a settlement, or the like, to its account's ledger; returns its number."""
        partition = partition_of_request(settle.order_id)
        seq = Sequence(self.last_commands[partition] + 1)
        self.last_commands[partition] = seq
        if not self.is_silent:
            output = Output(COMMANDS, partition, settle.account, self.source, seq, settle)
            self._outputs.append(output)
        return seq

    def next_update(self, request: int) -> Sequence:
        """The number of the next update to where a request came from; it must be put out."""
        partition = partition_of_request(request)
        seq = Sequence(self.last_updates[partition] + 1)
        self.last_updates[partition] = seq
        return seq

    def update(self, update: OrderUpdate | RequestRejected) -> None:
        """Tell an account what became of an order or a request."""
        if self.is_silent:
            return
        partition = partition_of_request(update.request)
        self._outputs.append(
            Output(UPDATES, partition, update.account, self.source, update.seq, update)
        )

    def trade(self, trade: Trade) -> None:
        self._say(TRADES, self._partition, trade)

    def depth(self, depth: Depth) -> None:
        self._say(DEPTH, self._partition, depth)

    def market(self, market: Market) -> None:
        self._say(MARKETS, 0, market)

    def _say(self, topic: Topic, partition: int, event: Trade | Depth | Market) -> None:
        if self.is_silent:
            return
        market = event.market
        self._outputs.append(Output(topic, partition, market, market, event.seq, event))
