"""What each request weighs: the one table that limits count by and documents print.

Source: "Weight" of each endpoint in rest-api.md of binance/binance-spot-api-docs. What is not from
there weighs as on Binance's other APIs. Each door counts with it (`api.weight_limit`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import assert_never

from api.errors import ApiError
from api.handlers.parameters import Parameters, Spec, read

LIGHTEST = 1
"""What a request weighs that is no proper one, or not for any endpoint."""

Named = tuple[str, str]
"""An endpoint by method and path."""


@dataclass(frozen=True, slots=True)
class Fixed:
    """The same for every request."""

    weight: int

    def __str__(self) -> str:
        return str(self.weight)


@dataclass(frozen=True, slots=True)
class ByLimit:
    """By how many rows are asked for: pairs of the most rows and the weight, in order."""

    default: int
    steps: tuple[tuple[int, int], ...]

    def __str__(self) -> str:
        return ", ".join(f"{weight} to {rows}" for rows, weight in self.steps)


@dataclass(frozen=True, slots=True)
class BySymbols:
    """By how many markets are named: pairs of the most markets and the weight, in order; `all`
    for more, and for those that name none. One named by `symbol` weighs `one`."""

    one: int
    steps: tuple[tuple[int, int], ...]
    all: int

    def __str__(self) -> str:
        steps = "".join(f", {weight} to {count} symbols" for count, weight in self.steps)
        return f"{self.one}{steps}, {self.all} for all"


@dataclass(frozen=True, slots=True)
class PerSymbol:
    """So much for each market that is named, and no more than `most` in all."""

    each: int
    most: int

    def __str__(self) -> str:
        return f"{self.each} a symbol, at most {self.most}"


@dataclass(frozen=True, slots=True)
class IfNamed:
    """By whether a parameter is there."""

    name: str
    present: int
    absent: int

    def __str__(self) -> str:
        return f"{self.present} with `{self.name}`, else {self.absent}"


Rule = Fixed | ByLimit | BySymbols | PerSymbol | IfNamed

WEIGHTS: Mapping[Named, Rule] = {
    ("GET", "/api/v3/ping"): Fixed(1),
    ("GET", "/api/v3/time"): Fixed(1),
    ("GET", "/api/v3/exchangeInfo"): Fixed(20),
    ("GET", "/api/v3/depth"): ByLimit(100, ((100, 5), (500, 25), (1000, 50), (5000, 250))),
    ("GET", "/api/v3/trades"): Fixed(25),
    ("GET", "/api/v3/historicalTrades"): Fixed(25),
    ("GET", "/api/v3/aggTrades"): Fixed(4),
    ("GET", "/api/v3/klines"): Fixed(2),
    ("GET", "/api/v3/uiKlines"): Fixed(2),
    ("GET", "/api/v3/avgPrice"): Fixed(2),
    ("GET", "/api/v3/ticker/24hr"): BySymbols(2, ((20, 2), (100, 40)), 80),
    ("GET", "/api/v3/ticker/tradingDay"): PerSymbol(4, 200),
    ("GET", "/api/v3/ticker/price"): BySymbols(2, (), 4),
    ("GET", "/api/v3/ticker/bookTicker"): BySymbols(2, (), 4),
    ("GET", "/api/v3/ticker"): PerSymbol(4, 200),
    ("POST", "/api/v3/order"): Fixed(1),
    ("POST", "/api/v3/order/test"): Fixed(1),
    ("POST", "/api/v3/batchOrders"): Fixed(5),
    ("DELETE", "/api/v3/order"): Fixed(1),
    ("DELETE", "/api/v3/openOrders"): Fixed(1),
    ("POST", "/api/v3/order/cancelReplace"): Fixed(1),
    ("PUT", "/api/v3/order/amend/keepPriority"): Fixed(4),
    ("GET", "/api/v3/order/amendments"): Fixed(4),
    ("GET", "/api/v3/order"): Fixed(4),
    ("GET", "/api/v3/openOrders"): IfNamed("symbol", 6, 80),
    ("GET", "/api/v3/allOrders"): Fixed(20),
    ("GET", "/api/v3/myTrades"): IfNamed("orderId", 5, 20),
    ("GET", "/api/v3/rateLimit/order"): Fixed(40),
    ("GET", "/api/v3/myPreventedMatches"): IfNamed("orderId", 20, 2),
    ("GET", "/api/v3/account"): Fixed(20),
    ("GET", "/api/v3/account/commission"): Fixed(20),
    ("POST", "/api/v3/userDataStream"): Fixed(2),
    ("PUT", "/api/v3/userDataStream"): Fixed(2),
    ("DELETE", "/api/v3/userDataStream"): Fixed(2),
    ("GET", "/sapi/v1/system/status"): Fixed(1),
    ("GET", "/sapi/v1/asset/tradeFee"): Fixed(1),
    ("GET", "/sapi/v1/capital/config/getall"): Fixed(10),
    ("POST", "/sapi/v1/capital/withdraw/apply"): Fixed(600),
    ("GET", "/sapi/v1/capital/withdraw/history"): Fixed(10),
    ("GET", "/sapi/v1/margin/allPairs"): Fixed(1),
    ("GET", "/sapi/v1/margin/isolated/allPairs"): Fixed(10),
}


def weight(rule: Rule, parameters: Parameters) -> int:
    """What a request weighs whose parameters are known to be legal."""
    match rule:
        case Fixed(weight=fixed):
            return fixed
        case ByLimit(default=default, steps=steps):
            return _step(steps, parameters.limit(default, steps[-1][0]), steps[-1][1])
        case BySymbols(one=one, steps=steps, all=everything):
            if "symbol" in parameters:
                return one
            named = parameters.symbols()
            return everything if named is None else _step(steps, len(named), everything)
        case PerSymbol(each=each, most=most):
            return min(each * len(parameters.symbols() or ("one",)), most)
        case IfNamed(name=name, present=present, absent=absent):
            return present if name in parameters else absent
        case _:
            assert_never(rule)


def weigher(rule: Rule, spec: Spec) -> Callable[[dict[str, str]], int]:
    """What tells how much a request weighs by what was sent, proper or not."""
    match rule:
        case Fixed(weight=fixed):
            return lambda sent: fixed
        case IfNamed(name=name, present=present, absent=absent):
            return lambda sent: present if name in sent else absent
        case _:
            return lambda sent: _weight_of_unread(rule, sent, spec)


def _weight_of_unread(rule: Rule, sent: dict[str, str], spec: Spec) -> int:
    try:
        return weight(rule, read(sent, spec))
    except ApiError:
        return LIGHTEST


def _step(steps: tuple[tuple[int, int], ...], count: int, beyond: int) -> int:
    return next((weight for most, weight in steps if count <= most), beyond)
