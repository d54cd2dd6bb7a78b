"""What is let in: well-formed frames, each internal command once and in order."""

from __future__ import annotations

from typing import Final, assert_never

import msgspec

from streams.messages import (
    FRAME_BYTES_MAX,
    FRAME_COMMANDS_MAX,
    FRAME_VERSION,
    AccountCommand,
    AmendOrder,
    CancelOrder,
    CancelReplaceOrder,
    DecideWithdrawal,
    Deposit,
    DescribeAccount,
    FindRequest,
    Frame,
    MoveHold,
    OpenAccount,
    PlaceOrder,
    ReleaseName,
    RequestWithdrawal,
    SetAccountStatus,
    SetFees,
    Settle,
    Withdraw,
    account_frames,
)
from streams.outputs import MalformedRecord

NAME_CHARS_MAX = 32
"""Length of a market's or an asset's name."""

TEXT_CHARS_MAX = 64
"""Length of an account's name, a client order id, a reference or an idempotency key."""

_FROM_MARKETS: Final = (Settle, ReleaseName, MoveHold)


class Inbox:
    """Opens records of `commands` and keeps, for each market partition, what came from it.

    The api's frames bear no source and hold anything but settlements, moved holds and released
    names; a market's hold nothing else, and are numbered without a gap.
    """

    __slots__ = ("_watermarks",)

    def __init__(self, market_partitions: int) -> None:
        self._watermarks = {f"matching:{partition}": 0 for partition in range(market_partitions)}

    @property
    def watermarks(self) -> list[int]:
        """The number of the last command taken from each market partition."""
        return list(self._watermarks.values())

    @watermarks.setter
    def watermarks(self, numbers: list[int]) -> None:
        self._watermarks = dict(zip(self._watermarks, numbers, strict=True))

    def open(self, value: bytes) -> tuple[Frame[AccountCommand], int]:
        """A record's frame, and the index of its first command that was not taken before.

        Its commands count as taken. Raises `MalformedRecord`, having changed nothing.
        """
        frame = _decode(value)
        self._check(frame)
        if not frame.source:
            return frame, 0
        taken = self._watermarks[frame.source]
        last = frame.first_seq + len(frame.commands) - 1
        if not 0 < frame.first_seq <= taken + 1:
            raise MalformedRecord(f"{frame.source}: {frame.first_seq} does not follow {taken}")
        if last > taken:
            self._watermarks[frame.source] = last
        return frame, taken + 1 - frame.first_seq

    def _check(self, frame: Frame[AccountCommand]) -> None:
        if frame.version != FRAME_VERSION:
            raise MalformedRecord(f"a frame of version {frame.version}")
        if not 0 < len(frame.commands) <= FRAME_COMMANDS_MAX:
            raise MalformedRecord(f"a frame of {len(frame.commands)} commands")
        if frame.source and frame.source not in self._watermarks:
            raise MalformedRecord(f"an unknown source: {frame.source[:NAME_CHARS_MAX]!r}")
        from_market = bool(frame.source)
        for command in frame.commands:
            if isinstance(command, _FROM_MARKETS) is not from_market:
                raise MalformedRecord(f"a {type(command).__name__} from {frame.source!r}")
            if not _is_well_formed(command):
                raise MalformedRecord(f"a name that can't be one: {str(command)[:500]}")


def _decode(value: bytes) -> Frame[AccountCommand]:
    if len(value) > FRAME_BYTES_MAX:
        raise MalformedRecord(f"a frame of {len(value)} bytes")
    try:
        return account_frames.decode(value)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedRecord(str(error)) from error


def _is_well_formed(command: AccountCommand) -> bool:
    """Whether each string is what it may be; amounts are the ledger's to judge."""
    match command:
        case PlaceOrder():
            return (
                _is_text(command.account)
                and _is_text(command.client_order_id)
                and _is_name(command.market)
                and _is_name(command.hold_asset)
                and _is_key(command.idempotency_key)
            )
        case Settle():
            return _is_text(command.account) and _is_name(command.received_asset)
        case CancelOrder():
            named = command.order_id > 0 or _is_text(command.client_order_id)
            return (
                named
                and _is_text(command.account)
                and _is_name(command.market)
                and _is_key(command.idempotency_key)
            )
        case AmendOrder():
            named = command.order_id > 0 or _is_text(command.client_order_id)
            return (
                named
                and _is_text(command.account)
                and _is_name(command.market)
                and _is_text(command.new_client_order_id)
                and _is_key(command.idempotency_key)
            )
        case CancelReplaceOrder(account=account, cancel=cancel, order=order):
            return (
                _is_well_formed(cancel)
                and _is_well_formed(order)
                and cancel.account == order.account == account
                and cancel.market == order.market
                and _is_key(command.idempotency_key)
            )
        case MoveHold():
            return _is_text(command.account)
        case ReleaseName():
            return _is_text(command.account) and _is_text(command.client_order_id)
        case Deposit() | Withdraw():
            bounded = not command.reference or _is_text(command.reference)
            return (
                bounded
                and _is_text(command.account)
                and _is_name(command.asset)
                and _is_key(command.idempotency_key)
            )
        case OpenAccount() | DescribeAccount() | SetFees():
            return _is_text(command.account)
        case SetAccountStatus():
            return _is_text(command.account) and _is_key(command.reason)
        case RequestWithdrawal():
            named = _is_text(command.account) and _is_name(command.asset)
            return named and _is_text(command.reference)
        case DecideWithdrawal():
            named = _is_text(command.account) and _is_text(command.reference)
            return named and _is_key(command.reason)
        case FindRequest():
            return _is_text(command.account) and _is_text(command.idempotency_key)
        case _:
            assert_never(command)


def _is_name(text: str) -> bool:
    return 0 < len(text) <= NAME_CHARS_MAX and text.isascii() and text.isprintable()


def _is_key(text: str) -> bool:
    return not text or _is_text(text)


def _is_text(text: str) -> bool:
    return 0 < len(text) <= TEXT_CHARS_MAX and text.isascii() and text.isprintable()
