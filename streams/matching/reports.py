"""A market's outcomes told to those they concern: owners, their ledgers, and everybody.

Each outcome makes one update for each order in it, with the settlement that follows from it; a
trade makes a public event as well. To be told before the market takes its next command: outcomes
refer to orders as they are now.
"""

from __future__ import annotations

from typing import Final, assert_never

import msgspec

from streams.matching.market import OrderCommand
from streams.matching.order_updates import refuse_order, say, say_fill
from streams.matching.outbox import Outbox
from streams.matching.outcomes import (
    Accepted,
    Amended,
    Cancelled,
    Expired,
    Outcome,
    Prevented,
    Rejected,
    Replaced,
    Traded,
)
from streams.matching.public_events import public_trade
from streams.matching.settlement import (
    exchange,
    improvement,
    is_filled,
    release,
    return_hold,
    unspent,
)
from streams.messages import (
    AccountId,
    Amend,
    Amendment,
    Cancel,
    CancelReplace,
    Execution,
    MarketConfig,
    MoveHold,
    OrderId,
    OrderStatus,
    Place,
    PreventedMatch,
    Reason,
    ReleaseName,
    Replace,
    RequestId,
    RequestRejected,
    Sequence,
    Units,
)

# A member of an enum takes longer to look up than to compare with.
_NEW: Final = Execution.NEW
_STATUS_NEW: Final = OrderStatus.NEW
_FILLED: Final = OrderStatus.FILLED
_PARTIALLY_FILLED: Final = OrderStatus.PARTIALLY_FILLED
_NO_ORDER: Final = (Reason.UNKNOWN_ORDER, Reason.UNKNOWN_MARKET)


def report(
    outbox: Outbox,
    config: MarketConfig,
    command: OrderCommand,
    outcomes: list[Outcome],
) -> None:
    """Tell what a market made of a command."""
    request = _request(command)
    final = outcomes[-1]
    for outcome in outcomes:
        # What closes an order is its last update anyway.
        last = outcome is final
        match outcome:
            case Traded():
                _report_trade(outbox, config, outcome, request, last)
            case Accepted():
                _report_accepted(outbox, config, outcome, request, last)
            case Replaced():
                _report_replaced(outbox, config, outcome, request, last)
            case Prevented():
                _report_prevented(outbox, config, outcome, request, last)
            case Amended():
                _report_amended(outbox, config, outcome)
            case Cancelled() | Expired():
                _report_closed(outbox, config, outcome, request)
            case Rejected():
                report_rejection(outbox, outcome, config)
            case _:
                assert_never(outcome)


def report_rejection(outbox: Outbox, rejected: Rejected, config: MarketConfig | None) -> None:
    """Tell that a command was refused, by a market or, without one, for want of it.

    What was held for the command is given back.
    """
    command = rejected.command
    match command:
        case Place():
            refuse_order(outbox, command, rejected, config)
        case Cancel() | Replace() | Amend() | CancelReplace():
            settlement = Sequence(0)
            if isinstance(command, CancelReplace) and not rejected.order_follows:
                settlement = _return_untried(outbox, command, rejected)
            if isinstance(command, Replace) and command.hold:
                outbox.settle(return_hold(command, done=False))
            # Of an order that is gone, its end has freed all names.
            if isinstance(command, Amend) and rejected.reason not in _NO_ORDER:
                outbox.settle(
                    ReleaseName(command.account, command.order_id, command.client_order_id)
                )
            outbox.update(
                RequestRejected(
                    source=outbox.source,
                    seq=outbox.next_update(command.request),
                    at=outbox.at,
                    cause=outbox.cause,
                    account=command.account,
                    request=command.request,
                    reason=rejected.reason,
                    order_id=OrderId(command.request if rejected.order_follows else 0),
                    settlement=settlement,
                )
            )
        case _:
            assert_never(command)


def _request(command: OrderCommand) -> RequestId:
    return RequestId(command.order_id) if isinstance(command, Place) else command.request


def _report_trade(
    outbox: Outbox, config: MarketConfig, trade: Traded, request: RequestId, last: bool
) -> None:
    """Tell everybody, then the maker, then the taker."""
    base = trade.quantity * config.lot
    quote = trade.price * trade.quantity * config.tick_lot
    if not outbox.is_silent:
        outbox.trade(public_trade(outbox, config, trade, base, quote))
    maker, taker = trade.maker, trade.taker
    executed, executed_quote = trade.maker_executed, trade.maker_executed_quote
    done = is_filled(maker, executed, executed_quote)
    # It traded at its own price: nothing of its hold is released.
    fees = maker.fees
    fee_bps = config.maker_fee_bps if fees is None else fees.maker_bps
    settle = exchange(config, maker, base, quote, fee_bps, 0, done)
    say_fill(
        outbox,
        config,
        trade,
        maker,
        maker.order_id,
        executed * config.lot,
        executed_quote,
        base,
        quote,
        settle,
        True,
        False,
        maker.prevented,
    )
    executed, executed_quote = trade.taker_executed, trade.taker_executed_quote
    told = trade.taker_done
    done = is_filled(taker, executed, executed_quote) if told is None else told
    released = improvement(config, trade, done=done)
    fees = taker.fees
    fee_bps = config.taker_fee_bps if fees is None else fees.taker_bps
    settle = exchange(config, taker, base, quote, fee_bps, released, done)
    say_fill(
        outbox,
        config,
        trade,
        taker,
        request,
        executed * config.lot,
        executed_quote,
        base,
        quote,
        settle,
        False,
        last and not done,
        trade.taker_prevented,
    )


def _report_accepted(
    outbox: Outbox, config: MarketConfig, accepted: Accepted, request: RequestId, last: bool
) -> None:
    """An order came in; what it holds too much is released."""
    order, released = accepted.order, accepted.released
    settle = release(config, order, released, done=False) if released else None
    say(outbox, config, order, request, _NEW, _STATUS_NEW, accepted.seq, 0, 0, settle, last=last)


def _report_replaced(
    outbox: Outbox, config: MarketConfig, replaced: Replaced, request: RequestId, last: bool
) -> None:
    """An order is back with a new price; what it holds too much for it is released."""
    order, released = replaced.order, replaced.released
    say(
        outbox,
        config,
        order,
        request,
        Execution.REPLACED,
        _PARTIALLY_FILLED if replaced.executed else _STATUS_NEW,
        replaced.seq,
        replaced.executed,
        replaced.executed_quote,
        release(config, order, released, done=False) if released else None,
        last=last,
        prevented=order.prevented,
    )


def _report_amended(outbox: Outbox, config: MarketConfig, amended: Amended) -> None:
    """An order was reduced and renamed in its place; what it holds too much is released."""
    order = amended.order
    account, old_name = AccountId(order.account), amended.old_client_order_id
    say(
        outbox,
        config,
        order,
        amended.request,
        Execution.REPLACED,
        _PARTIALLY_FILLED if order.executed else _STATUS_NEW,
        amended.seq,
        order.executed,
        order.executed_quote,
        release(config, order, amended.released, done=False),
        last=True,
        prevented=order.prevented,
        more={"amendment": Amendment(old_name, Units(amended.old_quantity * config.lot))},
    )
    outbox.settle(ReleaseName(account, order.order_id, old_name))


def _report_closed(
    outbox: Outbox, config: MarketConfig, closed: Cancelled | Expired, request: RequestId
) -> None:
    """An order ended before it was traded away; all that it still holds is released, but for what
    is moved to the order that replaces it.
    """
    order, released = closed.order, unspent(config, closed.order)
    execution, status, reason = Execution.CANCELED, OrderStatus.CANCELED, Reason.NONE
    more: dict[str, object] | None = None
    if isinstance(closed, Cancelled):
        if closed.replaced_by:
            more = {"replaced_by": closed.replaced_by}
        if closed.moved:
            released -= closed.moved
            account = AccountId(order.account)
            outbox.settle(
                MoveHold(account, order.order_id, closed.replaced_by, Units(closed.moved))
            )
    else:
        execution, reason = Execution.EXPIRED, closed.reason
        status = _FILLED if closed.filled else OrderStatus.EXPIRED
        if reason is Reason.SELF_TRADE:
            status = OrderStatus.EXPIRED_IN_MATCH
    say(
        outbox,
        config,
        order,
        request,
        execution,
        status,
        closed.seq,
        order.executed,
        order.executed_quote,
        release(config, order, released, done=True),
        reason=reason,
        prevented=order.prevented,
        more=more,
    )


def _report_prevented(
    outbox: Outbox, config: MarketConfig, prevented: Prevented, request: RequestId, last: bool
) -> None:
    """Tell an account that two orders of its own did not trade: the maker if it has changed, then
    the taker in any case.
    """
    maker, taker = prevented.maker, prevented.taker
    match_ = PreventedMatch(
        maker.order_id,
        taker.order_id,
        taker.self_trade_prevention,
        Units(prevented.price * config.tick),
        Units(prevented.maker_lots * config.lot),
        Units(prevented.taker_lots * config.lot),
    )
    if prevented.maker_lots:
        closed, executed = prevented.maker_closed, maker.executed
        say(
            outbox,
            config,
            maker,
            RequestId(maker.order_id),
            Execution.TRADE_PREVENTION,
            _prevented_status(closed, executed),
            prevented.seq,
            executed,
            maker.executed_quote,
            release(config, maker, prevented.maker_released, done=closed),
            reason=Reason.SELF_TRADE if closed else Reason.NONE,
            prevented=maker.prevented,
            more={"prevention": match_, "is_maker": True},
        )
    closed, released = prevented.taker_closed, prevented.taker_released
    say(
        outbox,
        config,
        taker,
        request,
        Execution.TRADE_PREVENTION,
        _prevented_status(closed, prevented.taker_executed),
        prevented.seq,
        prevented.taker_executed,
        prevented.taker_executed_quote,
        release(config, taker, released, done=closed) if released or closed else None,
        reason=Reason.SELF_TRADE if closed else Reason.NONE,
        last=last and not closed,
        prevented=prevented.taker_prevented,
        more={"prevention": match_},
    )


def _prevented_status(closed: bool, executed: int) -> OrderStatus:
    if closed:
        return OrderStatus.EXPIRED_IN_MATCH
    return _PARTIALLY_FILLED if executed else _STATUS_NEW


def _return_untried(outbox: Outbox, command: CancelReplace, rejected: Rejected) -> Sequence:
    """Give back the hold of an order that was not tried; the settlement's number, 0 for none."""
    if not rejected.held or command.refusal:
        return Sequence(0)
    held = Units(command.place.hold - command.lacking)
    place = msgspec.structs.replace(command.place, hold=held)
    return outbox.settle(return_hold(place, done=True))
