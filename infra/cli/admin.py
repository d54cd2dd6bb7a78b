"""The administration routes, called over HTTP by the commands that need them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import typer

REQUEST_LIMIT_S = 30.0


class Refused(Exception):
    """The api answered with an error; the message says which."""


class Admin:
    """The routes under `/admin/v1` of a running installation."""

    def __init__(self, url: str, key: str) -> None:
        import httpx

        from api.auth import ADMIN_KEY_HEADER

        self._http = httpx.Client(
            base_url=f"{url}/admin/v1", headers={ADMIN_KEY_HEADER: key}, timeout=REQUEST_LIMIT_S
        )

    def close(self) -> None:
        self._http.close()

    def get(self, path: str) -> Any:
        """Raises `Refused`."""
        return self._send("GET", path, None)

    def post(self, path: str, body: dict[str, Any] | None = None) -> Any:
        """Raises `Refused`."""
        return self._send("POST", path, body)

    def _send(self, method: str, path: str, body: dict[str, Any] | None) -> Any:
        import httpx

        try:
            response = self._http.request(method, path, json=body)
        except httpx.HTTPError as error:
            raise Refused(f"no answer from {self._http.base_url}: {error}") from error
        if response.is_error:
            raise Refused(_reason(response.text))
        return response.json()


def _reason(text: str) -> str:
    import msgspec

    try:
        return str(msgspec.json.decode(text, type=dict[str, Any])["msg"])
    except (msgspec.DecodeError, KeyError):
        return text[:200]


@contextmanager
def admin() -> Iterator[Admin]:
    """A client of the installation at hand; what is refused is told, with exit code 1."""
    from infra import installation
    from infra.cli.failures import told
    from infra.settings import settings

    with told():
        found = installation.find(settings())
        key = found.settings.admin_key
        if key is None:
            raise installation.NotRunningError(
                "no admin key is known; set VELOCITY_ADMIN_KEY, or start with: velocity up"
            )
        client = Admin(found.api_url, key.get_secret_value())
    try:
        yield client
    except Refused as refused:
        typer.echo(f"velocity: {refused}", err=True)
        raise typer.Exit(1) from refused
    finally:
        client.close()


def show(rows: list[dict[str, Any]]) -> None:
    """Rows with the same fields, as a table."""
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False, show_header=bool(rows))
    for column in rows[0] if rows else ():
        table.add_column(column)
    for row in rows:
        table.add_row(*(str(value) for value in row.values()))
    Console().print(table)
