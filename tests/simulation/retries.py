"""What clients may rely on who send a request again: it was done once, and they learn how."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

from streams.messages import (
    AccountCommand,
    AccountId,
    AccountOpened,
    AccountState,
    BalanceChange,
    BalanceUpdate,
    Execution,
    Millis,
    OpenAccount,
    OrderUpdate,
    Reason,
    RequestId,
    RequestRejected,
    RequestRepeated,
    Update,
    WithdrawalUpdate,
    account_frames,
    request_id,
)
from streams.topics import COMMANDS
from tests.simulation.clients import idempotency_key_of
from tests.simulation.exchange import Exchange, Violation

_FIRSTS = (Execution.NEW, Execution.REJECTED, Execution.CANCELED, Execution.REPLACED)


class Landed(NamedTuple):
    """A client's request as the log has it; `at` is the time its ledger took it at."""

    request: RequestId
    at: Millis
    command: AccountCommand


def check_retries(exchange: Exchange, told: list[Update]) -> None:
    """Of the requests under one key the log's first was done; each other was referred to it, or
    refused where it asked for something else.
    """
    outcomes: dict[RequestId, list[Update]] = defaultdict(list)
    for update in told:
        if is_outcome(update):
            outcomes[update.request].append(update)
    for partition in range(exchange.settings.account_partitions):
        firsts: dict[tuple[AccountId, str], Landed] = {}
        opened: set[AccountId] = set()
        for landed in _landed(exchange, partition):
            account, key = landed.command.account, idempotency_key_of(landed.command)
            if isinstance(landed.command, OpenAccount):
                opened.add(account)
            elif key and account in opened:
                first = firsts.setdefault((account, key), landed)
                _check(landed, first, outcomes[landed.request])
                exchange.trace.counts["retry"] += landed is not first


def _check(landed: Landed, first: Landed, outcome: list[Update]) -> None:
    match outcome:
        case [RequestRepeated(first=named, first_at=at)]:
            holds = landed is not first and (named, at) == (first.request, first.at)
            holds = holds and landed.command == first.command
        case [RequestRejected(reason=Reason.KEY_REUSED)]:
            holds = landed.command != first.command
        case [_]:
            holds = landed is first
        case _:
            holds = False
    if not holds:
        raise Violation(f"{landed}, first sent as {first}, was answered {outcome}")


def _landed(exchange: Exchange, partition: int) -> Iterator[Landed]:
    """What clients' frames brought, in the log's order."""
    place, at = (COMMANDS, partition), 0
    for record in exchange.broker.records(place):
        if (place, record.offset) in exchange.broker.foreign:
            continue
        at = max(at, record.at)
        frame = account_frames.decode(record.value)
        for index, command in enumerate(() if frame.source else frame.commands):
            yield Landed(request_id(partition, record.offset, index), Millis(at), command)


def is_outcome(update: Update) -> bool:
    """Whether an update is the first that answers its request."""
    match update:
        case OrderUpdate(replaced_by=other) if other:
            return False  # what became of the other is
        case RequestRejected(order_id=other) if other:
            return False
        case OrderUpdate(execution=execution):
            return execution in _FIRSTS
        case BalanceUpdate(change=change):
            return change in (BalanceChange.DEPOSIT, BalanceChange.WITHDRAWAL)
        case AccountOpened() | RequestRejected() | RequestRepeated():
            return True
        case AccountState() | WithdrawalUpdate():
            return True
