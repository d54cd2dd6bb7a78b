"""A market's outcomes told to those they concern: owners, their ledgers, and everybody.

Each outcome makes one update for each order in it, with the settlement that follows from it; a
trade makes a public event as well. To be told before the market takes its next command: outcomes
refer to orders as they are now.
"""

from __future__ import annotations

from typing import NamedTuple, assert_never

from streams.matching.book import Order
from streams.matching.outbox import Outbox
from streams.matching.outcomes import (
    Accepted,
    Cancelled,
    Expired,
    Outcome,
    Rejected,
    Replaced,
    Traded,
)
from streams.matching.settlement import (
    exchange,
    improvement,
    is_filled,
    release,
    return_hold,
    unspent,
)
from streams.messages import (
    UNITS_MAX,
    AccountId,
    Asset,
    Cancel,
    Execution,
    Market,
    MarketConfig,
    OrderStatus,
    OrderUpdate,
    Place,
    Reason,
    Replace,
    RequestId,
    RequestRejected,
    Sequence,
    Settle,
    Trade,
    Units,
    format_units,
    partition_of_request,
)


def report(
    outbox: Outbox,
    config: MarketConfig,
    command: Place | Cancel | Replace,
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
                outbox.trade(_trade(outbox, config, outcome))
                _report_maker(outbox, config, outcome)
                _report_taker(outbox, config, outcome, request, last)
            case Accepted() | Replaced():
                _report_opened(outbox, config, outcome, request, last)
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
            _report_refused_order(outbox, command, rejected.reason, config)
        case Cancel() | Replace():
            if isinstance(command, Replace) and command.hold:
                outbox.settle(return_hold(command, done=False))
            outbox.update(
                RequestRejected(
                    source=outbox.source,
                    seq=outbox.next_update(command.request),
                    at=outbox.at,
                    cause=outbox.cause,
                    account=command.account,
                    request=command.request,
                    reason=rejected.reason,
                )
            )
        case _:
            assert_never(command)


def market_event(config: MarketConfig, seq: int, outbox: Outbox) -> Market:
    """How a market is configured since its event `seq`."""
    return Market(
        market=config.market,
        seq=Sequence(seq),
        time=outbox.at,
        status=config.status,
        partition=config.partition,
        base=config.base,
        quote=config.quote,
        tick_size=format_units(config.tick),
        lot_size=format_units(config.lot),
        min_notional=format_units(config.min_notional),
        maker_fee_bps=config.maker_fee_bps,
        taker_fee_bps=config.taker_fee_bps,
        protection_bps=config.protection_bps,
    )


def report_standing(outbox: Outbox, config: MarketConfig, order: Order) -> OrderUpdate:
    """A resting order as it stands, named as the last update that was put out to its account."""
    partition = partition_of_request(order.order_id)
    return OrderUpdate(
        source=outbox.source,
        seq=Sequence(outbox.last_updates[partition]),
        at=outbox.at,
        cause=outbox.cause,
        account=AccountId(order.account),
        market=config.market,
        request=RequestId(order.order_id),
        order_id=order.order_id,
        client_order_id=order.client_order_id,
        execution=Execution.NEW,
        status=OrderStatus.PARTIALLY_FILLED if order.executed else OrderStatus.NEW,
        side=order.side,
        order_type=order.order_type,
        time_in_force=order.time_in_force,
        price=Units(order.price * config.tick),
        quantity=Units(order.quantity * config.lot),
        created=order.created,
        executed=Units(order.executed * config.lot),
        executed_quote=Units(order.executed_quote),
        last=True,
    )


def _request(command: Place | Cancel | Replace) -> RequestId:
    return RequestId(command.order_id) if isinstance(command, Place) else command.request


def _trade(outbox: Outbox, config: MarketConfig, trade: Traded) -> Trade:
    price, quantity = trade.price, trade.quantity
    return Trade(
        market=config.market,
        seq=Sequence(trade.seq),
        time=outbox.at,
        trade_id=trade.trade_id,
        aggregate_id=trade.aggregate_id,
        aggregate_last=trade.aggregate_last,
        price=format_units(price * config.tick),
        quantity=format_units(quantity * config.lot),
        quote_quantity=format_units(price * quantity * config.tick_lot),
        maker_order_id=trade.maker.order_id,
        taker_order_id=trade.taker.order_id,
        taker_side=trade.taker.side,
        cause=outbox.cause,
    )


def _report_maker(outbox: Outbox, config: MarketConfig, trade: Traded) -> None:
    """The maker traded at its own price: nothing of its hold is released."""
    order = trade.maker
    executed, executed_quote = trade.maker_executed, trade.maker_executed_quote
    done = is_filled(order, executed, executed_quote)
    _say(
        outbox,
        config,
        order,
        RequestId(order.order_id),
        Execution.TRADE,
        OrderStatus.FILLED if done else OrderStatus.PARTIALLY_FILLED,
        trade.seq,
        executed=executed,
        executed_quote=executed_quote,
        settle=exchange(config, trade, order, config.maker_fee_bps, released=0, done=done),
        fill=_fill(config, trade, is_maker=True),
    )


def _report_taker(
    outbox: Outbox, config: MarketConfig, trade: Traded, request: RequestId, last: bool
) -> None:
    order = trade.taker
    executed, executed_quote = trade.taker_executed, trade.taker_executed_quote
    done = is_filled(order, executed, executed_quote)
    released = improvement(config, trade, done=done)
    _say(
        outbox,
        config,
        order,
        request,
        Execution.TRADE,
        OrderStatus.FILLED if done else OrderStatus.PARTIALLY_FILLED,
        trade.seq,
        executed=executed,
        executed_quote=executed_quote,
        settle=exchange(config, trade, order, config.taker_fee_bps, released=released, done=done),
        fill=_fill(config, trade, is_maker=False),
        last=last and not done,
    )


def _report_opened(
    outbox: Outbox,
    config: MarketConfig,
    opened: Accepted | Replaced,
    request: RequestId,
    last: bool,
) -> None:
    """An order came in, or back with a new price; what it holds too much for it is released."""
    order = opened.order
    execution, executed, executed_quote = Execution.NEW, 0, 0
    if isinstance(opened, Replaced):
        execution = Execution.REPLACED
        executed, executed_quote = opened.executed, opened.executed_quote
    released = opened.released
    _say(
        outbox,
        config,
        order,
        request,
        execution,
        OrderStatus.PARTIALLY_FILLED if executed else OrderStatus.NEW,
        opened.seq,
        executed=executed,
        executed_quote=executed_quote,
        settle=release(config, order, released, done=False) if released else None,
        last=last,
    )


def _report_closed(
    outbox: Outbox, config: MarketConfig, closed: Cancelled | Expired, request: RequestId
) -> None:
    """An order ended before it was traded away; all that it still holds is released."""
    order = closed.order
    execution, status, reason = Execution.CANCELED, OrderStatus.CANCELED, Reason.NONE
    if isinstance(closed, Expired):
        execution, reason = Execution.EXPIRED, closed.reason
        status = OrderStatus.FILLED if closed.filled else OrderStatus.EXPIRED
    _say(
        outbox,
        config,
        order,
        request,
        execution,
        status,
        closed.seq,
        executed=order.executed,
        executed_quote=order.executed_quote,
        settle=release(config, order, unspent(config, order), done=True),
        reason=reason,
    )


class _Fill(NamedTuple):
    """What an update says of the trade it is about; of none, nothing."""

    trade_id: int = 0
    price: int = 0
    quantity: int = 0
    quote: int = 0
    is_maker: bool = False


_NO_FILL = _Fill()


def _fill(config: MarketConfig, trade: Traded, *, is_maker: bool) -> _Fill:
    quote = trade.price * trade.quantity * config.tick_lot
    price, quantity = trade.price * config.tick, trade.quantity * config.lot
    return _Fill(trade.trade_id, price, quantity, quote, is_maker)


def _say(
    outbox: Outbox,
    config: MarketConfig,
    order: Order,
    request: RequestId,
    execution: Execution,
    status: OrderStatus,
    market_seq: int,
    *,
    executed: int,
    executed_quote: int,
    settle: Settle | None,
    fill: _Fill = _NO_FILL,
    reason: Reason = Reason.NONE,
    last: bool = False,
) -> None:
    """Put out an update of an order, and the settlement that follows from it."""
    outbox.update(
        OrderUpdate(
            source=outbox.source,
            seq=outbox.next_update(order.order_id),
            at=outbox.at,
            cause=outbox.cause,
            account=AccountId(order.account),
            market=config.market,
            request=request,
            order_id=order.order_id,
            client_order_id=order.client_order_id,
            execution=execution,
            status=status,
            side=order.side,
            order_type=order.order_type,
            time_in_force=order.time_in_force,
            price=Units(order.price * config.tick),
            quantity=Units((order.quantity or executed) * config.lot),
            created=order.created,
            budget=Units(order.budget),
            executed=Units(executed * config.lot),
            executed_quote=Units(executed_quote),
            market_seq=Sequence(market_seq),
            trade_id=fill.trade_id,
            last_price=Units(fill.price),
            last_quantity=Units(fill.quantity),
            last_quote=Units(fill.quote),
            fee=settle.fee if settle else Units(0),
            fee_asset=settle.received_asset if settle and fill.trade_id else Asset(""),
            is_maker=fill.is_maker,
            reason=reason,
            settlement=outbox.settle(settle) if settle else Sequence(0),
            last=last,
        )
    )


def _report_refused_order(
    outbox: Outbox, command: Place, reason: Reason, config: MarketConfig | None
) -> None:
    """Refuse an order and give back its hold.

    Without a market its ticks and lots say nothing. A duplicate has no hold of its own: what is
    held under its id is the living order's.
    """
    tick, lot = (config.tick, config.lot) if config else (0, 0)
    settlement = Sequence(0)
    if reason is not Reason.DUPLICATE_ORDER_ID:
        settlement = outbox.settle(return_hold(command, done=True))
    outbox.update(
        OrderUpdate(
            source=outbox.source,
            seq=outbox.next_update(command.order_id),
            at=outbox.at,
            cause=outbox.cause,
            account=command.account,
            market=command.market,
            request=RequestId(command.order_id),
            order_id=command.order_id,
            client_order_id=command.client_order_id,
            execution=Execution.REJECTED,
            status=OrderStatus.REJECTED,
            side=command.side,
            order_type=command.order_type,
            time_in_force=command.time_in_force,
            price=_bounded(command.price * tick),
            quantity=_bounded(command.quantity * lot),
            created=outbox.at,
            budget=_bounded(command.budget),
            reason=reason,
            settlement=settlement,
        )
    )


def _bounded(amount: int) -> Units:
    """A refused amount may be one that no message can hold."""
    return Units(max(0, min(amount, UNITS_MAX)))
