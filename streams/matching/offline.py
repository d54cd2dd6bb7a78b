"""One market without a log: commands as JSON lines in, events as JSON out. For research and audits.

The format is a contract, told by `velocity match --help`. Orders are named by
any string, which may be used again once its order is dead, and nobody's funds are looked at: every
order brings an unlimited hold.
"""

from __future__ import annotations

from typing import Annotated, Any, assert_never

import msgspec

from streams.matching.book import NOBODY, BookSide, Order
from streams.matching.market import Market
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
from streams.matching.rules import check_config
from streams.matching.snapshot import write_market
from streams.messages import (
    AccountId,
    Asset,
    Cancel,
    Lots,
    MarketConfig,
    MarketId,
    Millis,
    OrderId,
    OrderType,
    Place,
    Reason,
    Replace,
    RequestId,
    Side,
    Ticks,
    TimeInForce,
    Units,
    format_plain,
    parse_units,
)
from streams.outputs import state_digest

Event = dict[str, Any]
"""One line of output, its keys in the order of the contract."""

LINE_BYTES_MAX = 64 * 1024
"""A longer line is malformed."""

UNLIMITED = Units(1 << 200)

_MARKET = MarketId("")
_At = Annotated[int, msgspec.Meta(ge=0, le=1 << 53)]


class _PlaceLine(msgspec.Struct, tag_field="op", tag="place"):
    order_id: str
    account: str
    side: Side
    type: OrderType
    time_in_force: TimeInForce = TimeInForce.GTC
    price: str | None = None
    quantity: str | None = None
    quote_quantity: str | None = None
    at: _At = 0


class _CancelLine(msgspec.Struct, tag_field="op", tag="cancel"):
    order_id: str
    account: str
    at: _At = 0


class _ReplaceLine(msgspec.Struct, tag_field="op", tag="replace"):
    order_id: str
    account: str
    price: str
    quantity: str
    at: _At = 0


_Line = _PlaceLine | _CancelLine | _ReplaceLine
_lines: msgspec.json.Decoder[_Line] = msgspec.json.Decoder(_Line)


class _Fees(msgspec.Struct, frozen=True):
    maker_bps: int = 0
    taker_bps: int = 0


class _MarketFile(msgspec.Struct, frozen=True):
    tick_size: str = "0.01"
    lot_size: str = "0.00001"
    min_notional: str = "0"
    fees: _Fees = _Fees()


class _OffGridError(Exception):
    """A price or a quantity that no market can count: it is no whole number of its steps."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = reason


def read_config(text: bytes) -> MarketConfig:
    """Read a market file: `tick_size`, `lot_size`, `min_notional`, and in `fees` the basis points
    `maker_bps` and `taker_bps`; each has a default.

    Raises `ValueError`, saying what is wrong.
    """
    file = msgspec.json.decode(text, type=_MarketFile)
    config = MarketConfig(
        market=_MARKET,
        partition=0,
        base=Asset(""),
        quote=Asset(""),
        tick=parse_units(file.tick_size),
        lot=parse_units(file.lot_size),
        min_notional=parse_units(file.min_notional),
        maker_fee_bps=file.fees.maker_bps,
        taker_fee_bps=file.fees.taker_bps,
    )
    check_config(config)
    return config


def unknown_keys(text: bytes) -> list[str]:
    """Keys of a market file that mean nothing here, which `read_config` passes over."""
    file = msgspec.json.decode(text)
    fees = file.get("fees", {})
    return [key for key in file if key not in _MarketFile.__struct_fields__] + [
        f"fees.{key}" for key in fees if key not in _Fees.__struct_fields__
    ]


class OfflineMarket:
    """A market driven by lines. Equal lines in make equal events out."""

    def __init__(self, config: MarketConfig) -> None:
        self._config = config
        self._market = Market(config)
        self._order_ids: dict[str, OrderId] = {}
        self._last_id = 0
        self._time = 0

    def take(self, line: bytes, number: int) -> list[Event]:
        """What one line, the `number`th of the input, makes happen; nothing if it is blank."""
        if not line.strip():
            return []
        try:
            if len(line) > LINE_BYTES_MAX:
                raise ValueError(f"longer than {LINE_BYTES_MAX} bytes")
            told = _lines.decode(line)
            command = self._command(told)
        except _OffGridError as refused:
            return [_rejection(told, refused.reason)]
        except (ValueError, RecursionError) as error:
            return [_malformed(line, number, str(error))]
        # Time never goes back, as on the log.
        self._time = max(self._time, told.at)
        outcomes = self._market.apply(command, Millis(self._time))
        self._keep_names(outcomes)
        return [self._event(outcome, told) for outcome in outcomes]

    def book(self) -> Event:
        """The book as it stands: (price, quantity) of each level, best first."""
        book = self._market.book
        return {"book": {"bids": self._levels(book.bids), "asks": self._levels(book.asks)}}

    def digest(self) -> Event:
        """A hash of the market's state: equal states have equal digests."""
        return {"digest": state_digest(write_market(self._market))}

    # -- lines to commands -----------------------------------------------------------------------

    def _command(self, line: _Line) -> Place | Cancel | Replace:
        """Raises `ValueError` where the line is malformed, `_OffGridError` where off the grid."""
        match line:
            case _PlaceLine():
                return self._place(line)
            case _CancelLine(order_id=name, account=account):
                order_id = self._order_ids.get(name, NOBODY)
                return Cancel(RequestId(0), order_id, AccountId(account), _MARKET)
            case _ReplaceLine(order_id=name, account=account):
                price, quantity = parse_units(line.price), parse_units(line.quantity)
                return Replace(
                    RequestId(0),
                    self._order_ids.get(name, NOBODY),
                    AccountId(account),
                    _MARKET,
                    self._ticks(price),
                    self._lots(quantity),
                    UNLIMITED,
                )
            case _:
                assert_never(line)

    def _place(self, line: _PlaceLine) -> Place:
        is_market = line.type is OrderType.MARKET
        if line.price is None and not is_market:
            raise ValueError("Object missing required field `price`")
        if line.quantity is None and not (is_market and line.quote_quantity is not None):
            raise ValueError("Object missing required field `quantity`")
        # All are read before any is refused: a line that can't be read is malformed above all.
        price = _amount(line.price)
        quantity = _amount(line.quantity)
        budget = _amount(line.quote_quantity)
        return Place(
            self._order_ids.get(line.order_id, OrderId(self._last_id + 1)),
            AccountId(line.account),
            _MARKET,
            line.order_id,
            line.side,
            line.type,
            line.time_in_force,
            self._ticks(price),
            self._lots(quantity),
            budget,
            UNLIMITED,
        )

    def _ticks(self, price: Units) -> Ticks:
        ticks, rest = divmod(price, self._config.tick)
        if rest:
            raise _OffGridError(Reason.PRICE_FILTER)
        return Ticks(ticks)

    def _lots(self, quantity: Units) -> Lots:
        lots, rest = divmod(quantity, self._config.lot)
        if rest:
            raise _OffGridError(Reason.LOT_SIZE)
        return Lots(lots)

    # -- outcomes to events ----------------------------------------------------------------------

    def _event(self, outcome: Outcome, line: _Line) -> Event:
        match outcome:
            case Traded():
                return {
                    "seq": outcome.seq,
                    "event": "trade",
                    "trade_id": outcome.trade_id,
                    "price": format_plain(outcome.price * self._config.tick),
                    "quantity": format_plain(outcome.quantity * self._config.lot),
                    "maker_order_id": outcome.maker.client_order_id,
                    "taker_order_id": outcome.taker.client_order_id,
                }
            case Prevented(seq=seq, taker=order):
                return _about(seq, "prevented", order)
            case Accepted(seq=seq, order=order):
                return _about(seq, "accepted", order)
            case Replaced(seq=seq, order=order):
                return _about(seq, "replaced", order)
            case Amended(seq=seq, order=order):
                return _about(seq, "amended", order)
            case Cancelled(seq=seq, order=order):
                return _about(seq, "cancelled", order)
            case Expired(seq=seq, order=order, rest=rest):
                units = rest if order.budget else rest * self._config.lot
                return {**_about(seq, "expired", order), "remaining": format_plain(units)}
            case Rejected(reason=reason):
                return _rejection(line, reason)
            case _:
                assert_never(outcome)

    def _keep_names(self, outcomes: list[Outcome]) -> None:
        """Remember the orders that came to rest, and let go of the names of the dead."""
        for outcome in outcomes:
            match outcome:
                case Accepted(order=order):
                    self._last_id = order.order_id
                    self._keep_name(order)
                case Prevented(maker=maker, taker=order):
                    self._keep_name(maker)
                    self._keep_name(order)
                case Traded(maker=order) | Replaced(order=order) | Cancelled(order=order):
                    self._keep_name(order)
                case Amended() | Expired() | Rejected():
                    pass
                case _:
                    assert_never(outcome)

    def _keep_name(self, order: Order) -> None:
        if self._market.book.find(order.order_id) is not None:
            self._order_ids[order.client_order_id] = order.order_id
        else:
            self._order_ids.pop(order.client_order_id, None)

    def _levels(self, side: BookSide) -> list[tuple[str, str]]:
        tick, lot = self._config.tick, self._config.lot
        return [
            (format_plain(level.price * tick), format_plain(level.quantity * lot)) for level in side
        ]


def _about(seq: int, event: str, order: Order) -> Event:
    return {"seq": seq, "event": event, "order_id": order.client_order_id}


def _amount(text: str | None) -> Units:
    return Units(0) if text is None else parse_units(text)


def _rejection(line: _Line, reason: Reason) -> Event:
    op = line.__struct_config__.tag
    return {"event": "rejected", "op": op, "order_id": line.order_id, "reason": reason}


def _malformed(line: bytes, number: int, reason: str) -> Event:
    """The event for a line that is no command, with what of it can be made out."""
    event: Event = {"event": "rejected", "line": number}
    try:
        fields = msgspec.json.decode(line[:LINE_BYTES_MAX])
    except (ValueError, RecursionError):
        # The reason says already that it can't be read.
        fields = None
    if isinstance(fields, dict):
        known = ((name, fields.get(name)) for name in ("op", "order_id"))
        event |= {name: value for name, value in known if isinstance(value, str)}
    return {**event, "reason": reason}
