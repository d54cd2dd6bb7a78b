"""Markets that an administrator halts and opens again."""

from __future__ import annotations

import httpx

from tests.integration.rest import Administrator, Trader, limit_order

SYMBOL = {"symbol": "BTCUSDT"}
CLOSED = "Market is closed."


def shown(http: httpx.Client) -> tuple[str, str]:
    (market,) = http.get("/api/v3/exchangeInfo", params=SYMBOL).json()["symbols"]
    return market["status"], market["statusReason"]


def test_what_each_status_lets_happen(
    admin: Administrator, alice: Trader, http: httpx.Client
) -> None:
    first, second = (alice.limit("BUY", "1", price) for price in ("100", "99"))
    why = "index provider is down"
    changed = admin("PUT", "markets/BTCUSDT", status="BREAK", reason=why)
    assert (changed.status_code, changed.json()["status"]) == (200, "BREAK"), changed.text
    assert shown(http) == ("BREAK", why)
    order, named = limit_order("BUY", "1", "100"), {**SYMBOL, "orderId": first["orderId"]}
    assert alice.refused("POST", "order", **order) == (-2010, CLOSED)
    assert alice.refused("DELETE", "order", **named) == (-2011, CLOSED)
    amend = {**SYMBOL, "orderId": second["orderId"], "newQty": "0.5"}
    assert alice.refused("PUT", "order/amend/keepPriority", **amend) == (-2038, CLOSED)
    assert admin("PUT", "markets/BTCUSDT", status="HALT").json()["reason"] == ""
    assert alice.ask("DELETE", "order", **named)["status"] == "CANCELED"
    assert alice.refused("POST", "order", **order) == (-2010, CLOSED)
    assert admin("PUT", "markets/BTCUSDT", status="TRADING").status_code == 200
    assert shown(http) == ("TRADING", "")
    assert alice.ask("POST", "order", **order)["status"] == "NEW"
    alice.ask("DELETE", "openOrders", **SYMBOL)


def test_its_filters_are_an_administrators_to_change(
    admin: Administrator, alice: Trader, http: httpx.Client
) -> None:
    bounds = {"min_price": "50", "max_price": "200", "max_market_quantity": "2"}
    changed = admin("PUT", "markets/BTCUSDT", **bounds, max_notional="1000")
    assert changed.status_code == 200, changed.text
    (market,) = http.get("/api/v3/exchangeInfo", params=SYMBOL).json()["symbols"]
    filters = {each["filterType"]: each for each in market["filters"]}
    assert filters["PRICE_FILTER"]["maxPrice"] == "200.00000000"
    assert filters["MARKET_LOT_SIZE"]["maxQty"] == "2.00000000"
    assert filters["NOTIONAL"]["maxNotional"] == "1000.00000000"
    for order, broken in (
        (limit_order("BUY", "1", "200.01"), "PRICE_FILTER"),
        (limit_order("BUY", "11", "100"), "NOTIONAL"),
        ({**SYMBOL, "side": "BUY", "type": "MARKET", "quantity": "2.1"}, "MARKET_LOT_SIZE"),
    ):
        refusal = (-1013, f"Filter failure: {broken}")
        assert alice.refused("POST", "order", **order) == refusal
    assert alice.limit("BUY", "10", "100")["status"] == "NEW"
    alice.ask("DELETE", "openOrders", **SYMBOL)
    no_bounds = dict.fromkeys((*bounds, "max_notional"), "0")
    assert admin("PUT", "markets/BTCUSDT", **no_bounds).json()["max_price"] == "0.00000000"


def test_a_price_outside_its_band_halts_it(
    admin: Administrator, alice: Trader, http: httpx.Client
) -> None:
    bob = admin.open_account()
    admin("PUT", "markets/BTCUSDT", band_bps=500, band_ms=3_600_000)
    for price in ("100", "120"):
        alice.limit("SELL", "0.1", price)
        assert bob.limit("BUY", "0.1", price)["status"] == "FILLED"
    assert bob.refused("POST", "order", **limit_order("BUY", "1", "100")) == (-2010, CLOSED)
    status, reason = shown(http)
    assert (status, reason.split(":")[0]) == ("HALT", "circuit breaker")
    opened = admin("PUT", "markets/BTCUSDT", status="TRADING", band_bps=0).json()
    assert (opened["status"], opened["reason"], opened["band_ms"]) == ("TRADING", "", 3_600_000)
    assert admin("PUT", "markets/NOPE", status="HALT").json()["code"] == -1121
    assert admin("PUT", "markets/BTCUSDT", status="NAP").status_code == 400
    ((entry), *_) = reversed(admin("GET", "audit").json())
    assert entry["action"] == "market changed"
