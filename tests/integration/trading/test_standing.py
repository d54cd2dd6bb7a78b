"""Accounts frozen and closed, fees of their own, and money taken out with an approval."""

from __future__ import annotations

import time
from typing import Any
from urllib.parse import urlencode

import httpx

from api.auth import API_KEY_HEADER, sign
from infra.admin import Admin
from infra.installation import Installation
from tests.integration.rest import Administrator, Json, Trader


def told(answer: httpx.Response, status: int = 200) -> Json:
    assert answer.status_code == status, answer.text
    return answer.json()


def wallet(http: httpx.Client, key: Json, method: str, path: str, **sent: Any) -> httpx.Response:
    """A signed request of Binance's wallet API."""
    query = urlencode({**sent, "timestamp": time.time_ns() // 1_000_000})
    query += f"&signature={sign(query.encode(), key['api_secret'])}"
    url = f"/sapi/v1/capital/withdraw/{path}?{query}"
    return http.request(method, url, headers={API_KEY_HEADER: key["api_key"]})


def test_a_frozen_account_cancels_and_nothing_else(admin: Administrator, alice: Trader) -> None:
    order = alice.limit("BUY", "1", "100")
    body = {"status": "FROZEN", "reason": "case 7"}
    frozen = told(admin("PUT", f"accounts/{alice.name}/status", **body))
    assert (frozen["status"], frozen["reason"]) == ("FROZEN", "case 7")
    assert alice.ask("GET", "account")["canTrade"] is False
    code, text = alice.refused(
        "POST", "order", symbol="BTCUSDT", side="SELL", type="MARKET", quantity="1"
    )
    assert (code, text) == (-2010, "This action is disabled on this account.")
    canceled = alice.ask("DELETE", "order", symbol="BTCUSDT", orderId=order["orderId"])
    assert canceled["status"] == "CANCELED"
    assert admin("PUT", f"accounts/{alice.name}/status", status="CLOSED").status_code == 409
    told(admin("PUT", f"accounts/{alice.name}/status", status="OPEN"))
    alice.limit("BUY", "1", "50")
    assert alice.ask("GET", "account")["canTrade"] is True


def test_an_account_pays_its_own_fees_on_either_side(
    admin: Administrator, alice: Trader, bob: Trader
) -> None:
    told(admin("PUT", f"accounts/{alice.name}/fees", maker_fee_bps=1, taker_fee_bps=200))
    rates = alice.ask("GET", "account/commission", symbol="BTCUSDT")["standardCommission"]
    assert (rates["maker"], rates["taker"]) == ("0.00010000", "0.02000000")
    tested = alice.ask(
        "POST",
        "order/test",
        symbol="BTCUSDT",
        side="BUY",
        type="MARKET",
        quantity="1",
        computeCommissionRates="true",
    )
    assert tested["standardCommissionForOrder"] == rates
    assert tested["discount"]["enabledForAccount"] is False
    bob.limit("SELL", "1", "100")
    taken = alice.limit("BUY", "1", "100")
    assert [fill["commission"] for fill in taken["fills"]] == ["0.02000000"]
    alice.limit("BUY", "1", "90")
    bob.limit("SELL", "1", "90")
    as_maker = alice.ask("GET", "myTrades", symbol="BTCUSDT")[-1]
    assert (as_maker["isMaker"], as_maker["commission"]) == (True, "0.00010000")
    told(admin("PUT", f"accounts/{alice.name}/fees"), 400)
    told(admin("PUT", f"accounts/{alice.name}/fees", maker_fee_bps=1), 400)


def test_money_is_held_until_somebody_has_decided(
    admin: Administrator, alice: Trader, http: httpx.Client
) -> None:
    key = told(admin("POST", f"accounts/{alice.name}/keys", permissions=["withdraw"]), 201)
    asked = {"coin": "USDT", "amount": "4000", "address": "0xabc", "withdrawOrderId": "out-1"}
    trading = {"api_key": alice.key, "api_secret": alice.secret}
    assert told(wallet(http, trading, "POST", "apply", **asked), 401)["code"] == -2015

    for _ in range(2):
        assert told(wallet(http, key, "POST", "apply", **asked)) == {"id": "out-1"}
    assert alice.balances()["USDT"] == (6_000, 4_000)
    told(wallet(http, key, "POST", "apply", **{**asked, "amount": "1"}), 409)
    (pending,) = told(wallet(http, trading, "GET", "history"))
    assert (pending["status"], pending["amount"]) == (2, "4000.00000000")

    entries = told(admin("GET", f"audit?account={alice.name}"))
    requested = next(each for each in entries if each["action"] == "withdrawal requested")
    assert requested["actor"] == f"key:{key['api_key']}"
    assert requested["details"]["address"] == "0xabc"

    path = f"accounts/{alice.name}/withdrawals"
    for _ in range(2):
        paid = told(admin("PUT", f"{path}/out-1", approved=True, reason="wire 9"))
        assert (paid["status"], paid["reason"]) == ("PAID", "wire 9")
    assert alice.balances()["USDT"] == (6_000, 0)
    told(admin("PUT", f"{path}/out-1", approved=False), 409)
    told(admin("PUT", f"{path}/none", approved=True), 404)

    told(admin("POST", path, asset="USDT", amount="6000", reference="out-2"), 201)
    told(admin("PUT", f"{path}/out-2", approved=False))
    assert alice.balances()["USDT"] == (6_000, 0)


def test_an_empty_account_is_closed_for_good(
    installation: Installation, admin: Administrator, alice: Trader
) -> None:
    """By the client that `velocity accounts` has."""
    with Admin.of(installation) as client:
        for asset, amount in (("USDT", "10000"), ("BTC", "10")):
            client.request_withdrawal(alice.name, asset, amount, f"all-{asset}")
            client.decide_withdrawal(alice.name, f"all-{asset}", approved=True)
        client.set_fees(alice.name, 1, 2)
        client.set_fees(alice.name, None, None)
        assert client.set_status(alice.name, "CLOSED", "gone")["status"] == "CLOSED"
        shown = client.account(alice.name)
    assert (shown["reason"], shown["maker_fee_bps"]) == ("gone", None)
    assert [each["status"] for each in shown["withdrawals"]] == ["PAID", "PAID"]
    path = f"accounts/{alice.name}"
    assert admin("PUT", f"{path}/status", status="OPEN").status_code == 400
    assert admin("POST", f"{path}/deposits", asset="BTC", amount="1").status_code == 400
