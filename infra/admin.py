"""A client of the administration routes, for the command line and the demonstration."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self

import httpx

from api.auth import ADMIN_KEY_HEADER
from infra.installation import Installation, NotRunningError

TIMEOUT_S = 15.0


class AdminRefused(Exception):
    """The exchange refused, with HTTP status, Binance code and message."""

    def __init__(self, status: int, code: int, msg: str) -> None:
        super().__init__(f"{msg} ({status}, {code})")
        self.status = status
        self.code = code


class Admin:
    """Administration of a running exchange. Every call raises `AdminRefused`, `httpx.HTTPError`."""

    def __init__(self, url: str, admin_key: str) -> None:
        self._http = httpx.Client(
            base_url=f"{url}/admin/v1",
            headers={ADMIN_KEY_HEADER: admin_key},
            timeout=TIMEOUT_S,
        )

    @classmethod
    def of(cls, installation: Installation) -> Self:
        """For a running installation. Raises `NotRunningError`."""
        admin_key = installation.settings.admin_key
        if admin_key is None:
            raise NotRunningError("no administration key: set VELOCITY_ADMIN_KEY")
        return cls(installation.api_url, admin_key.get_secret_value())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._http.close()

    def create_market(self, **terms: Any) -> dict[str, Any]:
        """Create a market; the terms are those of `POST /admin/v1/markets`."""
        return self._post("/markets", terms)

    def change_market(self, symbol: str, **terms: Any) -> dict[str, Any]:
        """Change what of a market can change; returns it as it is then."""
        return self._put(f"/markets/{symbol}", terms)

    def markets(self) -> list[dict[str, Any]]:
        """All markets."""
        return self._get("/markets")

    def create_account(self, name: str) -> dict[str, Any]:
        """Open an account."""
        return self._post("/accounts", {"account": name})

    def accounts(self) -> list[dict[str, Any]]:
        """All accounts."""
        return self._get("/accounts")

    def create_key(self, account: str, **terms: Any) -> dict[str, Any]:
        """Give an account an API key; its secret is in the answer, and nowhere else.

        The terms are those of `POST /admin/v1/accounts/{account}/keys`.
        """
        return self._post(f"/accounts/{account}/keys", terms)

    def keys(self, account: str) -> list[dict[str, Any]]:
        """An account's API keys, without their secrets."""
        return self._get(f"/accounts/{account}/keys")

    def revoke_key(self, account: str, key: str) -> dict[str, Any]:
        """End an API key."""
        revoked: dict[str, Any] = _body(self._http.delete(f"/accounts/{account}/keys/{key}"))
        return revoked

    def set_login(self, account: str, email: str, password: str) -> dict[str, Any]:
        """Let somebody log in to an account, or give who can another password."""
        terms = {"email": email, "password": password}
        login: dict[str, Any] = _body(self._http.put(f"/accounts/{account}/login", json=terms))
        return login

    def audit(self, **asked: Any) -> list[dict[str, Any]]:
        """The audit log; what is asked for is that of `GET /admin/v1/audit`."""
        return self._get("/audit", asked)

    def deposit(self, account: str, asset: str, amount: str, reference: str = "") -> dict[str, Any]:
        """Credit an account; returns its balance of the asset."""
        terms = {"asset": asset, "amount": amount, "reference": reference}
        return self._post(f"/accounts/{account}/deposits", terms)

    def account(self, account: str) -> dict[str, Any]:
        """How an account stands."""
        found: dict[str, Any] = _body(self._http.get(f"/accounts/{account}"))
        return found

    def set_status(self, account: str, status: str, reason: str = "") -> dict[str, Any]:
        """Freeze an account, open it again, or close it."""
        return self._put(f"/accounts/{account}/status", {"status": status, "reason": reason})

    def set_fees(
        self, account: str, maker_bps: int | None, taker_bps: int | None
    ) -> dict[str, Any]:
        """Let an account pay these fees; with None, each market's own."""
        terms = {"maker_fee_bps": maker_bps, "taker_fee_bps": taker_bps}
        return self._put(f"/accounts/{account}/fees", terms)

    def request_withdrawal(
        self, account: str, asset: str, amount: str, reference: str
    ) -> dict[str, Any]:
        """Hold what is to be taken out of an account."""
        terms = {"asset": asset, "amount": amount, "reference": reference}
        return self._post(f"/accounts/{account}/withdrawals", terms)

    def decide_withdrawal(
        self, account: str, reference: str, approved: bool, reason: str = ""
    ) -> dict[str, Any]:
        """Pay a withdrawal out, or release what is held for it."""
        terms = {"approved": approved, "reason": reason}
        return self._put(f"/accounts/{account}/withdrawals/{reference}", terms)

    def _put(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        answer: dict[str, Any] = _body(self._http.put(path, json=body))
        return answer

    def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        answer: dict[str, Any] = _body(self._http.post(path, json=body))
        return answer

    def _get(self, path: str, parameters: dict[str, Any] | None = None) -> list[dict[str, Any]]:
        answer: list[dict[str, Any]] = _body(self._http.get(path, params=parameters or {}))
        return answer


def _body(response: httpx.Response) -> Any:
    body = response.json()
    if response.is_success:
        return body
    raise AdminRefused(response.status_code, body["code"], body["msg"])
