"""Whatever goes wrong, a client gets `{"code", "msg"}` and nothing of our insides."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest
from aiokafka import AIOKafkaProducer
from pydantic import SecretStr

from api import admission
from api.accounts.answers import Answers
from api.accounts.archive import Archive
from api.accounts.history import History
from api.accounts.reads import Reads
from api.accounts.sender import Sender
from api.accounts.view import AccountView
from api.auth import ADMIN_KEY_HEADER, API_KEY_HEADER
from api.feeds.market_view import MarketView
from api.handlers.endpoints import PUBLIC, SIGNED
from api.handlers.exchange import Exchange
from api.handlers.freshness import FreshBooks
from api.identity.identity import Identity
from api.rest.app import Door
from api.weight_limit import WeightLimit
from infra.settings import Settings
from streams.messages import AccountCommand, MarketCommand
from streams.topics import COMMANDS, ORDERS

SETTINGS = Settings(venue="test").model_copy(
    update={"kafka": "nowhere:1", "cql": "nowhere:1", "admin_key": SecretStr("the-key")}
)


def unstarted(
    clock: Callable[[], int] = lambda: 1_499_827_319_559, weights: WeightLimit | None = None
) -> Exchange:
    """An exchange nobody runs: it knows no market, no account, and reaches no server."""
    producer: AIOKafkaProducer = object()
    markets, accounts, archive = MarketView(SETTINGS), AccountView(SETTINGS), Archive(SETTINGS)
    commands: Sender[AccountCommand] = Sender(producer, SETTINGS, COMMANDS, archive.epoch)
    configuration: Sender[MarketCommand] = Sender(producer, SETTINGS, ORDERS, archive.epoch)
    return Exchange(
        settings=SETTINGS,
        markets=markets,
        books=FreshBooks(markets, accounts),
        accounts=accounts,
        answers=Answers(accounts, History(SETTINGS)),
        commands=commands,
        configuration=configuration,
        reads=Reads(archive, accounts),
        identity=Identity(SETTINGS, archive, producer, clock),
        clock=clock,
        weights=weights or WeightLimit(),
    )


def client(exchange: Exchange) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(Door(exchange), raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://door")


async def test_a_mistake_of_ours_is_told_without_its_details() -> None:
    def broken() -> int:
        raise RuntimeError("a secret of ours")

    answer = await client(unstarted(broken)).get("/api/v3/time")
    assert answer.status_code == 500
    assert answer.json() == {
        "code": -1000,
        "msg": "An unknown error occurred while processing the request.",
    }


async def test_without_its_servers_the_door_is_alive_and_not_ready() -> None:
    door_client = client(unstarted())
    assert (await door_client.get("/live")).status_code == 200
    answer = await door_client.get("/ready")
    assert answer.status_code == 503
    assert answer.json()["ready"] is False


async def test_what_cannot_be_known_yet_is_503_and_asks_to_come_again() -> None:
    door_client = client(unstarted())
    headers = {API_KEY_HEADER: "k" * 64}
    signed = {"timestamp": "1499827319559", "signature": "0" * 64}
    answers = [
        await door_client.get("/api/v3/exchangeInfo"),
        await door_client.get("/api/v3/depth", params={"symbol": "BTCUSDT"}),
        await door_client.get("/api/v3/account", params=signed, headers=headers),
    ]
    for answer in answers:
        assert answer.status_code == 503
        assert answer.headers["Retry-After"] == "1"


async def test_who_comes_on_top_of_what_can_be_served_is_told_to_come_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(admission, "REQUESTS_MAX", 0)
    answer = await client(unstarted()).get("/api/v3/ping")
    assert (answer.status_code, answer.json()["code"]) == (503, -1008)


@pytest.mark.parametrize(
    ("headers", "body", "status", "code"),
    [
        ({}, b"{}", 401, -2015),
        ({ADMIN_KEY_HEADER: "the-kez"}, b"{}", 401, -2015),
        ({ADMIN_KEY_HEADER: "the-key"}, b"{", 400, -1135),
        ({ADMIN_KEY_HEADER: "the-key"}, b"{}", 400, -1130),
        ({ADMIN_KEY_HEADER: "the-key"}, b'{"account":"Not A Name"}', 400, -1130),
        ({ADMIN_KEY_HEADER: "the-key"}, b'{"account":"a","typo":1}', 400, -1130),
    ],
)
async def test_administration_refuses_what_it_does_not_understand(
    headers: dict[str, str], body: bytes, status: int, code: int
) -> None:
    answer = await client(unstarted()).post("/admin/v1/accounts", content=body, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_the_document_describes_every_endpoint_with_an_example() -> None:
    document = await client(unstarted()).get("/openapi.json")
    paths = document.json()["paths"]
    for endpoint in (*PUBLIC, *SIGNED):
        described = paths[endpoint.path][endpoint.method.lower()]
        names = [parameter["name"] for parameter in described["parameters"]]
        assert names[: len(endpoint.parameters)] == [each.name for each in endpoint.parameters]
        assert "example" in described["responses"]["200"]["content"]["application/json"]
