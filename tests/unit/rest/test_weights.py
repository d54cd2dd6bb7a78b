"""What requests weigh, as Binance documents it."""

from __future__ import annotations

import pytest

from api.handlers.endpoints import KEYED, PUBLIC, SIGNED
from api.handlers.parameters import Parameters
from api.handlers.weights import WEIGHTS, weight


def test_every_endpoint_has_a_weight_and_nothing_else_does() -> None:
    served = {(endpoint.method, endpoint.path) for endpoint in (*PUBLIC, *KEYED, *SIGNED)}
    assert set(WEIGHTS) == served


@pytest.mark.parametrize(
    ("path", "sent", "weighs"),
    [
        ("depth", {}, 5),
        ("depth", {"limit": "100"}, 5),
        ("depth", {"limit": "101"}, 25),
        ("depth", {"limit": "1000"}, 50),
        ("depth", {"limit": "5000"}, 250),
        ("depth", {"limit": "9999"}, 250),
        ("ticker/24hr", {"symbol": "A"}, 2),
        ("ticker/24hr", {"symbols": '["A","B"]'}, 2),
        ("ticker/24hr", {"symbols": str([f"A{i}" for i in range(21)]).replace("'", '"')}, 40),
        ("ticker/24hr", {"symbols": str([f"A{i}" for i in range(101)]).replace("'", '"')}, 80),
        ("ticker/24hr", {}, 80),
        ("ticker/price", {"symbol": "A"}, 2),
        ("ticker/price", {"symbols": '["A"]'}, 4),
        ("ticker/price", {}, 4),
        ("ticker", {"symbol": "A"}, 4),
        ("ticker", {"symbols": '["A","B","C"]'}, 12),
        ("ticker", {"symbols": str([f"A{i}" for i in range(60)]).replace("'", '"')}, 200),
        ("openOrders", {"symbol": "A"}, 6),
        ("openOrders", {}, 80),
        ("myTrades", {"symbol": "A", "orderId": "7"}, 5),
        ("myTrades", {"symbol": "A"}, 20),
        ("exchangeInfo", {}, 20),
    ],
)
def test_a_request_weighs_by_what_it_asks_for(path: str, sent: dict[str, str], weighs: int) -> None:
    assert weight(WEIGHTS["GET", f"/api/v3/{path}"], Parameters(sent)) == weighs
