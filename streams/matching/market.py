"""The market machine: one market's book, and the one function that changes it.

`apply` takes a command and the log's time and returns what happened. Its outcomes are named by a
gapless sequence from 1; a refusal changes nothing and has no name. Trades are at the maker's price.

An order rests with exactly the hold it can still need, `Rules.hold` of its price and remaining
quantity, so the hold of a resting order is known without being kept.
"""

from __future__ import annotations

import sys
from sys import intern
from typing import Final

import msgspec

from streams.matching.book import BookSide, Order
from streams.matching.breaker import Breaker
from streams.matching.outcomes import (
    Accepted,
    Amended,
    Cancelled,
    Expired,
    Outcome,
    Rejected,
    Replaced,
    Traded,
)
from streams.matching.rules import Rules
from streams.matching.settlement import unspent
from streams.matching.trading import UNBOUNDED, Trading
from streams.messages import (
    AMENDMENTS_MAX,
    NO_TERMS,
    Amend,
    Cancel,
    CancelReplace,
    CancelRestriction,
    MarketConfig,
    MarketStatus,
    MarketTerms,
    Millis,
    OrderType,
    Place,
    Reason,
    Replace,
    SelfTradePrevention,
    Side,
    TimeInForce,
    Units,
)

_BUY: Final = Side.BUY
_LIMIT: Final = OrderType.LIMIT
_MAKER: Final = OrderType.LIMIT_MAKER
_MARKET: Final = OrderType.MARKET
_GTC: Final = TimeInForce.GTC
_FOK: Final = TimeInForce.FOK
_OK: Final = Reason.NONE
_TRADING: Final = MarketStatus.TRADING
_BREAK: Final = MarketStatus.BREAK

OUTSIDE_BAND = "circuit breaker: the price has left its band"
_NO_PREVENTION: Final = SelfTradePrevention.NONE


OrderCommand = Place | Cancel | Replace | Amend | CancelReplace


class Market(Trading):
    """One market. Plain state, changed by `apply` and `configure` alone."""

    __slots__ = ()

    def apply(self, command: OrderCommand, at: Millis) -> list[Outcome]:
        """Take one command at the log's time `at` and say what happened, in order."""
        if isinstance(command, Place):
            return self._place(command, at)
        if isinstance(command, Cancel):
            return self._cancel(command)
        if isinstance(command, Replace):
            return self._replace(command)
        if isinstance(command, Amend):
            return self._amend(command)
        return self._cancel_replace(command, at)

    def configure(self, config: MarketConfig, terms: MarketTerms = NO_TERMS) -> int:
        """Change what of a market can change, and name that change.

        These are status, minimum notional, fees, protection and terms. What orders in the book are
        counted in, and where the market lives, stays as it was, whatever `config` says of it.
        """
        self.config = msgspec.structs.replace(
            self.config,
            status=config.status,
            min_notional=config.min_notional,
            maker_fee_bps=config.maker_fee_bps,
            taker_fee_bps=config.taker_fee_bps,
            protection_bps=config.protection_bps,
        )
        self.rules = Rules(self.config, terms)
        self.terms = terms
        self.breaker = Breaker()
        return self._next()

    def halt_outside_band(self, outcomes: list[Outcome], at: Millis) -> int:
        """Halt where a command's trades have left the band; the name of that change, 0 for none.

        What traded has traded: it is the next command that finds the market halted.
        """
        terms, breaks = self.terms, False
        for outcome in outcomes:
            if isinstance(outcome, Traded):
                breaks = self.breaker.breaks(outcome.price, at, terms) or breaks
        if not breaks or self.config.status is not _TRADING:
            return 0
        halted = msgspec.structs.replace(self.config, status=MarketStatus.HALT)
        return self.configure(halted, msgspec.structs.replace(terms, reason=OUTSIDE_BAND))

    def tick(self) -> int:
        """Name the passing of time: an event that changes nothing, so that what is told of the
        market anew goes by a name of its own.
        """
        return self._next()

    # -- commands --------------------------------------------------------------------------------

    def _place(self, command: Place, at: Millis) -> list[Outcome]:
        order_id, order_type = command.order_id, command.order_type
        side, price, quantity = command.side, command.price, command.quantity
        rules, book = self.rules, self.book
        if self.config.status is not _TRADING:
            return [Rejected(command, Reason.MARKET_CLOSED)]
        if book.find(order_id) is not None:
            return [Rejected(command, Reason.DUPLICATE_ORDER_ID, held=False)]
        value = price * quantity * rules.tick_lot
        released = command.hold - (value if side is _BUY else quantity * rules.lot)
        # Nearly every order is a limit order within all bounds. To see that costs less than to
        # call for the rules; what is not so plain is up to them.
        if (
            released < 0
            or value < rules.min_notional
            or value > rules.max_notional
            or price < rules.price_min
            or price > rules.price_max
            or quantity < rules.quantity_min
            or quantity > rules.quantity_max
            or order_type is not _LIMIT
            or command.budget
        ):
            reason = rules.place(command)
            if reason is not _OK:
                return [Rejected(command, reason)]
        opposite = book.asks if side is _BUY else book.bids
        crosses = opposite.ranks and opposite.ranks[-1] >= price * opposite.sign
        if crosses and order_type is _MAKER:
            return [Rejected(command, Reason.WOULD_TAKE)]
        is_market = order_type is _MARKET
        order = Order(
            order_id,
            # One string for all orders of an account: each command brings its own copy.
            intern(command.account),
            command.client_order_id,
            side,
            order_type,
            command.time_in_force,
            price,
            quantity,
            command.budget,
            command.hold if is_market else 0,
            at,
            command.self_trade_prevention,
            command.fees,
        )
        self.seq = seq = self.seq + 1
        outcomes: list[Outcome] = [Accepted(seq, order, 0 if is_market else released)]
        if is_market:
            self._execute_market(order, outcomes)
        elif crosses or order.time_in_force is not _GTC:
            self._execute_limit(order, outcomes)
        else:
            book.add(order)
        return outcomes

    def _cancel(self, command: Cancel) -> list[Outcome]:
        book = self.book
        order = book.find(command.order_id)
        if order is None or order.account != command.account:
            return [Rejected(command, Reason.UNKNOWN_ORDER)]
        if self.config.status is _BREAK:
            return [Rejected(command, Reason.MARKET_CLOSED)]
        if command.restriction and not _is_for(command.restriction, order):
            return [Rejected(command, Reason.CANCEL_RESTRICTED)]
        book.remove(order)
        self.seq = seq = self.seq + 1
        return [Cancelled(seq, order, command.request)]

    def _cancel_replace(self, command: CancelReplace, at: Millis) -> list[Outcome]:
        """Cancel an order and place another. What is lacking of its hold comes from the first."""
        place, lacking = command.place, command.lacking
        order = self.book.find(command.order_id)
        if order is None or order.account != command.account:
            order, failure = None, Reason.UNKNOWN_ORDER
        else:
            fits = not command.restriction or _is_for(command.restriction, order)
            failure = Reason.NONE if fits else Reason.CANCEL_RESTRICTED
            if self.config.status is _BREAK:
                failure = Reason.MARKET_CLOSED
        if failure and command.stop_on_failure:
            return [Rejected(command, failure, held=not command.refusal)]
        outcomes: list[Outcome] = []
        if order is None or failure:
            outcomes.append(Rejected(command, failure, order_follows=True))
            moved = 0
        else:
            self.book.remove(order)
            moved = lacking if lacking <= unspent(self.config, order) else 0
            outcomes.append(Cancelled(self._next(), order, command.request, place.order_id, moved))
        if command.refusal:
            return [*outcomes, Rejected(place, command.refusal, held=False)]
        reason = Reason.INSUFFICIENT_BALANCE if moved < lacking else Reason.NONE
        if order is not None and failure and order.client_order_id == place.client_order_id:
            reason = Reason.DUPLICATE_ORDER_ID
        if reason:
            held = msgspec.structs.replace(place, hold=Units(place.hold - lacking + moved))
            return [*outcomes, Rejected(held, reason)]
        return outcomes + self._place(place, at)

    def _replace(self, command: Replace) -> list[Outcome]:
        order = self.book.find(command.order_id)
        if order is None or order.account != command.account:
            return [Rejected(command, Reason.UNKNOWN_ORDER)]
        reason = self._replace_refusal(order, command)
        if reason:
            return [Rejected(command, reason)]
        rules = self.rules
        held = rules.hold(order.side, order.price, order.remaining) + command.hold
        self.book.remove(order)
        old_price, order.price = order.price, command.price
        order.quantity = order.executed + command.quantity
        outcomes: list[Outcome] = [
            Replaced(
                self._next(),
                order,
                command.request,
                old_price,
                order.executed,
                order.executed_quote,
                held - rules.hold(order.side, command.price, command.quantity),
            )
        ]
        self._execute_limit(order, outcomes)
        return outcomes

    def _amend(self, command: Amend) -> list[Outcome]:
        order = self.book.find(command.order_id)
        if order is None or order.account != command.account:
            return [Rejected(command, Reason.UNKNOWN_ORDER)]
        reason = self._amend_refusal(order, command.quantity)
        if reason:
            return [Rejected(command, reason)]
        ordered = order.quantity + order.prevented
        reduced = ordered - command.quantity
        released = self.rules.hold(order.side, order.price, reduced)
        amended = Amended(
            self._next(), order, command.request, order.client_order_id, ordered, released
        )
        self.book.reduce(order, reduced)
        order.client_order_id = command.client_order_id
        order.amendments = order.amendments + 1
        return [amended]

    # -- refusals --------------------------------------------------------------------------------

    def _replace_refusal(self, order: Order, command: Replace) -> Reason:
        if self.config.status is not _TRADING:
            return Reason.MARKET_CLOSED
        reason = self.rules.limit(command.price, command.quantity)
        if reason:
            return reason
        rules = self.rules
        held = rules.hold(order.side, order.price, order.remaining) + command.hold
        if command.hold < 0 or held < rules.hold(order.side, command.price, command.quantity):
            return Reason.HOLD_TOO_SMALL
        if order.order_type is _MAKER and self._crosses(order.side, command.price):
            return Reason.WOULD_TAKE
        return Reason.NONE

    def _amend_refusal(self, order: Order, quantity: int) -> Reason:
        if self.config.status is not _TRADING:
            return Reason.MARKET_CLOSED
        ordered = order.quantity + order.prevented
        if quantity == ordered:
            return Reason.NOTHING_CHANGES
        if quantity > ordered:
            return Reason.QUANTITY_INCREASED
        if 0 < quantity <= order.executed + order.prevented:
            return Reason.QUANTITY_EXECUTED
        if order.amendments >= AMENDMENTS_MAX:
            return Reason.TOO_MANY_AMENDMENTS
        return self.rules.limit(order.price, quantity)

    def _crosses(self, side: Side, price: int) -> bool:
        opposite = self.book.opposite(side)
        return bool(opposite.ranks) and opposite.ranks[-1] >= price * opposite.sign

    # -- matching --------------------------------------------------------------------------------

    def _execute_limit(self, order: Order, outcomes: list[Outcome]) -> None:
        """Trade what crosses; then let the rest rest, or expire."""
        opposite = self.book.asks if order.side is _BUY else self.book.bids
        worst = order.price * opposite.sign
        if order.time_in_force is _FOK and not self._can_fill(order, opposite, worst):
            self._expire(order, Reason.FILL_OR_KILL, outcomes)
            return
        if opposite.ranks and opposite.ranks[-1] >= worst:
            if order.self_trade_prevention is _NO_PREVENTION:
                self._match(order, opposite, worst, outcomes)
            else:
                self._match_others(order, opposite, worst, order.remaining, UNBOUNDED, outcomes)
        if order.executed == order.quantity:
            return
        if order.time_in_force is _GTC:
            self.book.add(order)
        else:
            self._expire(order, Reason.IMMEDIATE_OR_CANCEL, outcomes)

    def _execute_market(self, order: Order, outcomes: list[Outcome]) -> None:
        opposite = self.book.opposite(order.side)
        # A worst price of 0 is none: any bid is better, and so must any ask be.
        worst = order.price * opposite.sign if order.price else -sys.maxsize
        if order.budget:
            # A buyer's budget bounds its lots by itself; a seller can't sell more than it holds.
            lots = sys.maxsize if order.side is _BUY else order.hold // self.config.lot
            ended = self._match_funds(order, opposite, worst, lots, order.budget, outcomes)
            if order.executed_quote < order.budget and not ended:
                self._expire_budget(order, opposite, worst, outcomes)
            return
        if order.side is _BUY and not order.price:
            self._match_funds(order, opposite, worst, order.quantity, order.hold, outcomes)
        elif order.self_trade_prevention is not _NO_PREVENTION:
            self._match_others(order, opposite, worst, order.quantity, UNBOUNDED, outcomes)
        else:
            self._match(order, opposite, worst, outcomes)
        if order.executed < order.quantity:
            self._expire(order, Reason.NO_LIQUIDITY, outcomes)

    # -- endings ---------------------------------------------------------------------------------

    def _expire(self, order: Order, reason: Reason, outcomes: list[Outcome]) -> None:
        outcomes.append(Expired(self._next(), order, order.remaining, False, reason))

    def _expire_budget(
        self, order: Order, opposite: BookSide, worst: int, outcomes: list[Outcome]
    ) -> None:
        """End an order whose budget is not spent to the last unit, as mostly it can't be.

        It counts as filled if it traded and what is left does not pay for one lot at the next
        price it might trade at: the next maker's, else its own worst, else the last it traded at.
        """
        rest = order.budget - order.executed_quote
        if opposite.ranks and opposite.ranks[-1] >= worst:
            price: int = opposite.levels[opposite.ranks[-1]].price
        elif order.price or not order.executed:
            price = order.price
        else:
            last = outcomes[-1]
            price = last.price if isinstance(last, Traded) else 0
        filled = bool(order.executed) and rest < price * self.rules.tick_lot
        filled = filled and not order.prevented
        reason = Reason.NONE if filled else Reason.NO_LIQUIDITY
        if order.prevented:
            reason = Reason.SELF_TRADE
        outcomes.append(Expired(self._next(), order, rest, filled, reason))


def _is_for(restriction: CancelRestriction, order: Order) -> bool:
    """Whether a restricted cancel is for an order as it stands."""
    return bool(order.executed) is (restriction is CancelRestriction.ONLY_PARTIALLY_FILLED)
