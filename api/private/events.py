"""From updates to the events of a private stream, to the letter of Binance's documentation. Pure.

https://github.com/binance/binance-spot-api-docs/blob/master/user-data-stream.md

Each event has a `position` besides: it rises within an account's stream, and names the event at any
instance and for as long as the log has it. It is the place of its update in the account's partition
of `updates`, and its index among what the update told.
"""

from __future__ import annotations

import msgspec
from msgspec import UNSET, UnsetType, field

from streams.messages import (
    AccountId,
    Balance,
    BalanceUpdate,
    Execution,
    Offset,
    OrderType,
    OrderUpdate,
    PreventedMatch,
    Reason,
    Update,
    format_units,
)

EVENTS_PER_UPDATE = 16
"""More than any update tells: positions are offsets times this."""

ZERO = format_units(0)

_EXPIRY_REASONS = {
    Reason.IMMEDIATE_OR_CANCEL: "UNFILLED_IOC_QUANTITY_EXPIRED",
    Reason.FILL_OR_KILL: "UNFILLED_FOK_ORDER_EXPIRED",
    Reason.NO_LIQUIDITY: "INSUFFICIENT_LIQUIDITY",
}
_REJECT_REASONS = {
    Reason.INSUFFICIENT_BALANCE: "INSUFFICIENT_BALANCES",
    Reason.WOULD_TAKE: "WOULD_MATCH_IMMEDIATELY",
}


class ExecutionReport(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="e", tag="executionReport"
):
    event_time: int = field(name="E")
    symbol: str = field(name="s")
    client_order_id: str = field(name="c")
    side: str = field(name="S")
    order_type: str = field(name="o")
    time_in_force: str = field(name="f")
    quantity: str = field(name="q")
    price: str = field(name="p")
    stop_price: str = field(name="P", default=ZERO)
    iceberg_quantity: str = field(name="F", default=ZERO)
    order_list_id: int = field(name="g", default=-1)
    original_client_order_id: str = field(name="C")
    execution_type: str = field(name="x")
    status: str = field(name="X")
    reject_reason: str = field(name="r")
    order_id: int = field(name="i")
    last_quantity: str = field(name="l")
    executed: str = field(name="z")
    last_price: str = field(name="L")
    commission: str = field(name="n")
    commission_asset: str | None = field(name="N")
    transaction_time: int = field(name="T")
    trade_id: int = field(name="t")
    execution_id: int = field(name="I")
    is_on_the_book: bool = field(name="w")
    is_maker: bool = field(name="m")
    ignore: bool = field(name="M", default=False)
    created_time: int = field(name="O")
    executed_quote: str = field(name="Z")
    last_quote: str = field(name="Y")
    quote_quantity: str = field(name="Q")
    working_time: int | UnsetType = field(name="W", default=UNSET)
    prevention_mode: str = field(name="V")
    expiry_reason: str | UnsetType = field(name="eR", default=UNSET)
    prevented_match_id: int | UnsetType = field(name="v", default=UNSET)
    prevented: str | UnsetType = field(name="A", default=UNSET)
    last_prevented: str | UnsetType = field(name="B", default=UNSET)
    trade_group_id: int | UnsetType = field(name="u", default=UNSET)
    counter_order_id: int | UnsetType = field(name="U", default=UNSET)
    counter_symbol: str | UnsetType = field(name="Cs", default=UNSET)
    prevented_price: str | UnsetType = field(name="pL", default=UNSET)
    position: int


class BalanceOf(msgspec.Struct, frozen=True):
    asset: str = field(name="a")
    free: str = field(name="f")
    locked: str = field(name="l")


class AccountPosition(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="e", tag="outboundAccountPosition"
):
    event_time: int = field(name="E")
    update_time: int = field(name="u")
    balances: list[BalanceOf] = field(name="B")
    position: int


class BalanceChanged(msgspec.Struct, frozen=True, kw_only=True, tag_field="e", tag="balanceUpdate"):
    event_time: int = field(name="E")
    asset: str = field(name="a")
    delta: str = field(name="d")
    clear_time: int = field(name="T")
    position: int


class StreamTerminated(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="e", tag="eventStreamTerminated"
):
    event_time: int = field(name="E")


Event = ExecutionReport | AccountPosition | BalanceChanged


def position_of(offset: int, index: int) -> int:
    """That of an update's event, from the update's logical offset. Never 0: that is before all."""
    return offset * EVENTS_PER_UPDATE + index + 1


def position_after(offset: int) -> int:
    """That of who has all events up to a logical offset, that included."""
    return (offset + 1) * EVENTS_PER_UPDATE


def offset_of(position: int) -> Offset:
    """The logical offset of the update that a position is within, or comes before."""
    return Offset(position // EVENTS_PER_UPDATE)


def events_of(update: Update, offset: int) -> list[Event]:
    """What an update, from its logical offset, tells its account; answers to requests tell none."""
    match update:
        case OrderUpdate():
            return [_report(update, position_of(offset, 0))]
        case BalanceUpdate():
            return _balances(update, offset)
        case _:
            return []


def account_in(value: bytes, account: AccountId) -> bool:
    """Whether a record of `updates` may be of an account: that of most is seen not to be."""
    return b'"account":"%b"' % account.encode() in value


def _balances(update: BalanceUpdate, offset: int) -> list[Event]:
    told: list[Event] = [
        AccountPosition(
            event_time=update.at,
            update_time=update.at,
            balances=[_balance(held) for held in update.balances],
            position=position_of(offset, 0),
        )
    ]
    if update.came_in:
        (held,) = update.balances
        changed = BalanceChanged(
            event_time=update.at,
            asset=held.asset,
            delta=format_units(update.came_in),
            clear_time=update.at,
            position=position_of(offset, 1),
        )
        told.append(changed)
    return told


def _balance(held: Balance) -> BalanceOf:
    return BalanceOf(held.asset, format_units(held.available), format_units(held.held))


def _report(update: OrderUpdate, position: int) -> ExecutionReport:
    rests = update.status.is_open and update.order_type is not OrderType.MARKET
    report = ExecutionReport(
        event_time=update.at,
        symbol=update.market,
        client_order_id=update.client_order_id,
        side=update.side.value,
        order_type=update.order_type.value,
        time_in_force=update.time_in_force.value,
        quantity=format_units(update.quantity),
        price=format_units(update.price),
        original_client_order_id=_before(update),
        execution_type=update.execution.value,
        status=update.status.value,
        reject_reason=_rejection(update),
        order_id=update.order_id,
        last_quantity=format_units(update.last_quantity),
        executed=format_units(update.executed),
        last_price=format_units(update.last_price),
        commission=format_units(update.fee),
        commission_asset=update.fee_asset or None,
        transaction_time=update.at,
        trade_id=update.trade_id or -1,
        execution_id=update.market_seq,
        is_on_the_book=rests,
        is_maker=update.is_maker,
        created_time=update.created,
        executed_quote=format_units(update.executed_quote),
        last_quote=format_units(update.last_quote),
        quote_quantity=format_units(update.budget),
        working_time=update.created if rests else UNSET,
        prevention_mode=update.self_trade_prevention.value,
        expiry_reason=_expiry(update),
        position=position,
    )
    return report if update.prevention is None else _with(report, update, update.prevention)


def _with(report: ExecutionReport, update: OrderUpdate, match: PreventedMatch) -> ExecutionReport:
    """With what self-trade prevention did to the order."""
    is_taker = update.order_id == match.taker_order_id
    taken = match.taker_quantity if is_taker else match.maker_quantity
    return msgspec.structs.replace(
        report,
        prevented_match_id=update.market_seq,
        prevented=format_units(update.prevented),
        last_prevented=format_units(taken),
        trade_group_id=-1,
        counter_order_id=match.maker_order_id if is_taker else match.taker_order_id,
        counter_symbol=update.market,
        prevented_price=format_units(match.price),
    )


def _before(update: OrderUpdate) -> str:
    """The client's name for the order that was cancelled or amended."""
    if update.amendment is not None:
        return update.amendment.client_order_id
    return update.client_order_id if update.execution is Execution.CANCELED else ""


def _rejection(update: OrderUpdate) -> str:
    """Where Binance has no word for it, ours."""
    if update.execution is not Execution.REJECTED:
        return "NONE"
    return _REJECT_REASONS.get(update.reason, update.reason.name)


def _expiry(update: OrderUpdate) -> str | UnsetType:
    if update.execution is not Execution.EXPIRED:
        return UNSET
    return _EXPIRY_REASONS.get(update.reason, UNSET)
