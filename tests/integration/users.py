"""Users, keys and attackers who come in by the REST door, each from an address of their own."""

from __future__ import annotations

import base64
import itertools
import secrets
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, urlencode

import httpx
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from api.auth import API_KEY_HEADER, sign

Json = Any
Sign = Callable[[bytes], str]

PASSWORD = "correct horse battery"

_addresses = itertools.count(1)


def new_address() -> str:
    """An address nobody else has, as the proxy in front of the door tells it."""
    number = next(_addresses)
    return f"198.18.{number // 250}.{number % 250 + 1}"


def new_email() -> str:
    return f"u-{secrets.token_hex(6)}@example.com"


class Visitor:
    """Somebody at an address."""

    def __init__(self, http: httpx.Client, address: str = "") -> None:
        self.http = http
        self.address = address or new_address()

    def request(
        self, method: str, path: str, headers: dict[str, str] | None = None, **more: Any
    ) -> httpx.Response:
        from_here = {"X-Forwarded-For": self.address, **(headers or {})}
        return self.http.request(method, path, headers=from_here, **more)

    def login(self, email: str, password: str = PASSWORD) -> httpx.Response:
        return self.request("POST", "/auth/v1/login", json={"email": email, "password": password})

    def register(self, email: str, password: str = PASSWORD) -> httpx.Response:
        terms = {"email": email, "password": password}
        return self.request("POST", "/auth/v1/register", json=terms)

    def refresh(self, token: str) -> httpx.Response:
        return self.request("POST", "/auth/v1/refresh", json={"refresh_token": token})

    def signed(
        self, key: str, sign_it: Sign, method: str, path: str, **parameters: object
    ) -> httpx.Response:
        """A request by an API key, its time now unless it is among the parameters."""
        query = urlencode({"timestamp": time.time_ns() // 1_000_000, **parameters})
        signed = f"{query}&signature={quote(sign_it(query.encode()), safe='')}"
        return self.request(method, f"/api/v3/{path}?{signed}", {API_KEY_HEADER: key})


class User(Visitor):
    """Somebody with a session."""

    def __init__(self, http: httpx.Client, email: str, tokens: Json, address: str = "") -> None:
        super().__init__(http, address)
        self.email = email
        self.tokens = tokens
        self.account: str = tokens["account"]

    @classmethod
    def new(cls, http: httpx.Client) -> User:
        """Registered just now."""
        visitor, email = Visitor(http), new_email()
        answer = visitor.register(email)
        assert answer.status_code == 201, answer.text
        return cls(http, email, answer.json(), visitor.address)

    def at(self, http: httpx.Client) -> User:
        """The same session, at another instance of the door."""
        return User(http, self.email, self.tokens, self.address)

    def again(self) -> User:
        """Another session of the same user."""
        answer = self.login(self.email)
        assert answer.status_code == 200, answer.text
        return User(self.http, self.email, answer.json(), self.address)

    def send(self, method: str, path: str, **more: Any) -> httpx.Response:
        """A request in the session."""
        bearer = {"Authorization": f"Bearer {self.tokens['access_token']}"}
        return self.request(method, path, bearer, **more)

    def ask(self, method: str, path: str, **more: Any) -> Json:
        answer = self.send(method, path, **more)
        assert answer.is_success, answer.text
        return answer.json()

    def holds(self) -> bool:
        """Whether the session may do anything."""
        answer = self.send("GET", "/api/v3/account")
        assert answer.status_code in (200, 401), answer.text
        return answer.status_code == 200

    def new_key(self, **terms: Any) -> tuple[str, Sign]:
        """An HMAC key of the user, and what signs with it."""
        key = self.ask("POST", "/auth/v1/keys", json={"password": PASSWORD, **terms})
        secret: str = key["api_secret"]
        return key["api_key"], lambda payload: sign(payload, secret)


def ed25519() -> tuple[str, Sign]:
    """A new pair: the public key in base64, and what signs with the private one."""
    private = Ed25519PrivateKey.generate()
    public = base64.b64encode(private.public_key().public_bytes_raw()).decode()
    return public, lambda payload: base64.b64encode(private.sign(payload)).decode()
