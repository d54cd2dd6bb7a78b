"""What the documentation shows of the JSON routes: what is sent, and what is answered."""

from __future__ import annotations

from typing import Any, NamedTuple

_KEY = "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A"
_SECRET = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j"
_LOGIN = {"email": "alice@example.com", "password": "correct horse battery"}
_USER = {"account": "alice", "email": "alice@example.com"}
_TOKENS = {
    **_USER,
    "access_token": "eyJhbGciOiJIUzI1NiJ9.eyJhdWQiOiJhY2Nlc3MifQ.c2lnbmF0dXJl",
    "token_type": "Bearer",
    "expires_in": 600,
    "refresh_token": "eyJhbGciOiJIUzI1NiJ9.eyJhdWQiOiJyZWZyZXNoIn0.c2lnbmF0dXJl",
}
_NEW_KEY = {"permissions": ["read", "trade"], "networks": ["203.0.113.0/24"], "label": "bot"}
_MADE_KEY = {"account": "alice", "api_key": _KEY, "api_secret": _SECRET}
_LISTED_KEY = {
    "api_key": _KEY,
    "account": "alice",
    "label": "bot",
    "kind": "HMAC",
    "public_key": "",
    "permissions": ["read", "trade"],
    "networks": ["203.0.113.0/24"],
    "created": 1499827319559,
    "expires": 0,
    "revoked": 0,
}
_ENDED_KEY = {"account": "alice", "api_key": _KEY}
_ENTRY = {
    "sequence": 41,
    "time": 1499827319559,
    "action_id": "9f86d081884c7d659a2feaa0c55ad015",
    "account": "alice",
    "actor": "admin",
    "address": "192.0.2.1",
    "action": "key created",
    "outcome": "begun",
    "subject": _KEY,
    "details": {"permissions": "read trade", "networks": "203.0.113.0/24", "expires": "0"},
}
_NEW_MARKET = {
    "symbol": "BTCUSDT",
    "base": "BTC",
    "quote": "USDT",
    "tick": "0.01",
    "lot": "0.00001",
    "min_notional": "1",
}
_MARKET = {
    **_NEW_MARKET,
    "status": "TRADING",
    "tick": "0.01000000",
    "lot": "0.00001000",
    "min_notional": "1.00000000",
    "maker_fee_bps": 0,
    "taker_fee_bps": 0,
    "protection_bps": 500,
    "partition": 0,
    "reason": "",
    "band_bps": 0,
    "band_ms": 0,
}


_WITHDRAWAL = {
    "account": "alice",
    "reference": "out-1",
    "asset": "USDT",
    "amount": "12.50000000",
    "status": "PENDING",
    "requested": 1499827319559,
    "decided": 0,
    "reason": "",
}
_STANDING = {
    "account": "alice",
    "status": "FROZEN",
    "reason": "case 7",
    "maker_fee_bps": 1,
    "taker_fee_bps": 5,
    "orders_10s": 0,
    "orders_1d": 17,
    "withdrawals": [_WITHDRAWAL],
}


class Example(NamedTuple):
    """An answer, and the body that it answers, if one is sent."""

    answer: Any
    sent: Any = None


EXAMPLES = {
    ("POST", "/auth/v1/register"): Example(_TOKENS, _LOGIN),
    ("POST", "/auth/v1/login"): Example(_TOKENS, _LOGIN),
    ("POST", "/auth/v1/refresh"): Example(_TOKENS, {"refresh_token": _TOKENS["refresh_token"]}),
    ("POST", "/auth/v1/logout"): Example({}, {"everywhere": False}),
    ("POST", "/auth/v1/password"): Example(
        _TOKENS, {"password": "correct horse battery", "new_password": "another password"}
    ),
    ("GET", "/auth/v1/me"): Example(_USER),
    ("GET", "/auth/v1/keys"): Example([_LISTED_KEY]),
    ("POST", "/auth/v1/keys"): Example(
        _MADE_KEY, {**_NEW_KEY, "password": "correct horse battery"}
    ),
    ("DELETE", "/auth/v1/keys/{key}"): Example(_ENDED_KEY),
    ("GET", "/auth/v1/audit"): Example([_ENTRY]),
    ("POST", "/admin/v1/markets"): Example(_MARKET, _NEW_MARKET),
    ("GET", "/admin/v1/markets"): Example([_MARKET]),
    ("PUT", "/admin/v1/markets/{symbol}"): Example(
        {**_MARKET, "status": "HALT", "reason": "index provider is down"},
        {"status": "HALT", "reason": "index provider is down"},
    ),
    ("POST", "/admin/v1/accounts"): Example(
        {"account": "alice", "created": 1499827319559}, {"account": "alice"}
    ),
    ("GET", "/admin/v1/accounts"): Example([{"account": "alice", "created": 1499827319559}]),
    ("PUT", "/admin/v1/accounts/{account}/login"): Example(_USER, _LOGIN),
    ("GET", "/admin/v1/accounts/{account}/keys"): Example([_LISTED_KEY]),
    ("POST", "/admin/v1/accounts/{account}/keys"): Example(_MADE_KEY, _NEW_KEY),
    ("DELETE", "/admin/v1/accounts/{account}/keys/{key}"): Example(_ENDED_KEY),
    ("POST", "/admin/v1/accounts/{account}/deposits"): Example(
        {"account": "alice", "asset": "USDT", "free": "100000.00000000", "locked": "0.00000000"},
        {"asset": "USDT", "amount": "100000", "reference": "wire 7"},
    ),
    ("GET", "/admin/v1/accounts/{account}"): Example(_STANDING),
    ("PUT", "/admin/v1/accounts/{account}/status"): Example(
        _STANDING, {"status": "FROZEN", "reason": "case 7"}
    ),
    ("PUT", "/admin/v1/accounts/{account}/fees"): Example(
        _STANDING, {"maker_fee_bps": 1, "taker_fee_bps": 5}
    ),
    ("POST", "/admin/v1/accounts/{account}/withdrawals"): Example(
        _WITHDRAWAL, {"asset": "USDT", "amount": "12.5", "reference": "out-1"}
    ),
    ("PUT", "/admin/v1/accounts/{account}/withdrawals/{reference}"): Example(
        {**_WITHDRAWAL, "status": "PAID", "decided": 1499827379559, "reason": "wire 9"},
        {"approved": True, "reason": "wire 9"},
    ),
    ("GET", "/admin/v1/audit"): Example([_ENTRY]),
}
"""By method and path."""
