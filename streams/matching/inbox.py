"""What is let in: well-formed frames of `orders`, each command of a ledger once and in order.

What is checked here is what no sender of this exchange would write: a record that fails was made
by a fault or by a stranger, and goes to `dead-letters` as it is. What a client can get wrong is
refused by the market, with a reason.
"""

from __future__ import annotations

from typing import assert_never

import msgspec

from streams.matching.rules import check_config
from streams.messages import (
    BASIS_POINTS,
    FRAME_BYTES_MAX,
    FRAME_COMMANDS_MAX,
    FRAME_VERSION,
    REQUEST_MAX,
    UNITS_MAX,
    Amend,
    Cancel,
    CancelReplace,
    ConfigureMarket,
    Frame,
    MarketCommand,
    MarketConfig,
    MarketTerms,
    Place,
    Replace,
    Tick,
    market_frames,
    partition_of_request,
)
from streams.outputs import MalformedRecord

TEXT_CHARS_MAX = 64
"""Length of a name: of an account, a market, an asset or a client order id."""

BAND_MS_MAX = 24 * 3_600_000


class Inbox:
    """Opens records of `orders` and keeps, for each partition of accounts, what came from it.

    A ledger's frames are numbered without a gap and hold orders and what changes orders of its
    own accounts. An administrator's bear no source and hold configurations of this partition's
    markets: those change nothing when they are taken twice.
    """

    __slots__ = ("_ledgers", "_partition", "watermarks")

    def __init__(self, partition: int, account_partitions: int) -> None:
        self._partition = partition
        self._ledgers = {f"ledger:{ledger}": ledger for ledger in range(account_partitions)}
        self.watermarks = [0] * account_partitions
        """The number of the last command taken from each ledger."""

    def open(self, value: bytes) -> tuple[Frame[MarketCommand], int]:
        """A record's frame, and the index of its first command that was not taken before.

        Its commands count as taken. Raises `MalformedRecord`, having changed nothing.
        """
        frame = _decode(value)
        if frame.version != FRAME_VERSION:
            raise MalformedRecord(f"a frame of version {frame.version}")
        if not 0 < len(frame.commands) <= FRAME_COMMANDS_MAX:
            raise MalformedRecord(f"a frame of {len(frame.commands)} commands")
        if not frame.source:
            self._check_unnumbered(frame)
            return frame, 0
        ledger = self._ledgers.get(frame.source)
        if ledger is None:
            raise MalformedRecord(f"an unknown source: {frame.source[:TEXT_CHARS_MAX]!r}")
        for command in frame.commands:
            _check_command(command, ledger)
        taken = self.watermarks[ledger]
        if not 0 < frame.first_seq <= taken + 1:
            raise MalformedRecord(f"{frame.source}: {frame.first_seq} does not follow {taken}")
        self.watermarks[ledger] = max(taken, frame.first_seq + len(frame.commands) - 1)
        return frame, taken + 1 - frame.first_seq

    def _check_unnumbered(self, frame: Frame[MarketCommand]) -> None:
        for command in frame.commands:
            match command:
                case ConfigureMarket(config=config, terms=terms):
                    _check_config(config, self._partition)
                    _check_terms(terms)
                case Tick():
                    pass
                case _:
                    raise MalformedRecord(f"a {type(command).__name__} from no ledger")


def _decode(value: bytes) -> Frame[MarketCommand]:
    if len(value) > FRAME_BYTES_MAX:
        raise MalformedRecord(f"a frame of {len(value)} bytes")
    try:
        return market_frames.decode(value)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedRecord(f"no frame: {error}") from error


def _check_command(command: MarketCommand, ledger: int) -> None:
    match command:
        case Place():
            _check_request(command.order_id, ledger)
            _check_texts(command.account, command.client_order_id, command.market)
            _check_hold(command.hold)
        case Cancel():
            _check_request(command.request, ledger)
            _check_request(command.order_id, ledger)
            _check_texts(command.account, command.market)
        case Replace():
            _check_request(command.request, ledger)
            _check_request(command.order_id, ledger)
            _check_texts(command.account, command.market)
            _check_hold(command.hold)
        case Amend():
            _check_request(command.request, ledger)
            _check_request(command.order_id, ledger)
            _check_texts(command.account, command.market, command.client_order_id)
        case CancelReplace():
            _check_command(command.place, ledger)
            if command.order_id:
                _check_request(command.order_id, ledger)
            if not 0 <= command.lacking <= command.place.hold:
                raise MalformedRecord(f"{command.lacking} lacking of a hold")
        case ConfigureMarket() | Tick():
            raise MalformedRecord(f"a {type(command).__name__} from ledger {ledger}")
        case _:
            assert_never(command)


def _check_request(request: int, ledger: int) -> None:
    """The answer to a request goes to the ledger that it came from.

    An order's id is a request's, and a book relies on its bounds.
    """
    if not 0 < request <= REQUEST_MAX or partition_of_request(request) != ledger:
        raise MalformedRecord(f"request {request} is none of ledger {ledger}")


def _check_hold(hold: int) -> None:
    if not 0 <= hold <= UNITS_MAX:
        raise MalformedRecord(f"a hold of {hold}")


def _check_texts(*texts: str) -> None:
    for text in texts:
        if not (0 < len(text) <= TEXT_CHARS_MAX and text.isascii() and text.isprintable()):
            raise MalformedRecord(f"no name: {text[:TEXT_CHARS_MAX]!r}")


def _check_terms(terms: MarketTerms) -> None:
    if terms.reason:
        _check_texts(terms.reason)
    if not (0 <= terms.band_bps <= BASIS_POINTS and 0 <= terms.band_ms <= BAND_MS_MAX):
        raise MalformedRecord(f"a band of {terms.band_bps} basis points in {terms.band_ms} ms")
    bounds = (
        terms.min_price,
        terms.max_price,
        terms.min_quantity,
        terms.max_quantity,
        terms.max_market_quantity,
        terms.max_notional,
    )
    if not all(0 <= bound <= UNITS_MAX for bound in bounds):
        raise MalformedRecord(f"bounds of {bounds} units")


def _check_config(config: MarketConfig, partition: int) -> None:
    _check_texts(config.market, config.base, config.quote)
    if config.partition != partition:
        raise MalformedRecord(f"{config.market} belongs to partition {config.partition}")
    try:
        check_config(config)
    except ValueError as error:
        raise MalformedRecord(str(error)) from error
