"""Requests as nobody should send them: an error with a code, in time, and nobody else notices.

The account that sends them has no funds, so none of them can leave anything in a book.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from urllib.parse import quote, quote_from_bytes, urlencode, urlsplit

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.auth import API_KEY_HEADER, sign
from api.handlers.endpoints import PUBLIC, SIGNED
from api.idempotency import IDEMPOTENCY_KEY_HEADER
from api.rest.http import BODY_LIMIT_S, FORM
from infra.bring_up import bring_up, take_down
from infra.installation import Installation
from infra.settings import Settings
from tests.integration.rest import Administrator, Trader, limit_order

ANSWER_LIMIT_S = 5.0
TRIES = 300

Sent = list[tuple[str, bytes]]


@pytest.fixture(scope="module")
def installation(make_settings: Callable[..., Settings]) -> Iterator[Installation]:
    made = make_settings(market_partitions=2)
    try:
        yield bring_up(made, lambda name, state, address: None)
    finally:
        for _ in take_down(made):
            pass


@pytest.fixture(scope="module")
def http(installation: Installation) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=installation.api_url, timeout=ANSWER_LIMIT_S) as client:
        yield client


@pytest.fixture(scope="module")
def neighbour(admin: Administrator) -> Trader:
    """Somebody who sends nothing wrong."""
    return admin.open_account()


@pytest.fixture(scope="module")
def sender(admin: Administrator, http: httpx.Client) -> Trader:
    """An account with a key and nothing else."""
    assert admin("POST", "accounts", account="sender").status_code == 201
    key = admin("POST", "accounts/sender/keys").json()
    return Trader(http, "sender", key["api_key"], key["api_secret"])


@pytest.fixture
def unharmed(neighbour: Trader, sender: Trader) -> Iterator[None]:
    """Afterwards the neighbour trades as ever, and the sender has nothing."""
    yield
    order = neighbour.limit("BUY", "1", "10")
    neighbour.ask("DELETE", "order", symbol="BTCUSDT", orderId=order["orderId"])
    assert neighbour.balances() == {"BTC": (10, 0), "USDT": (10000, 0)}
    assert sender.balances() == {}
    assert sender.ask("GET", "openOrders") == []


# -- what is sent ---------------------------------------------------------------------------------

NAMES = sorted({each.name for endpoint in (*PUBLIC, *SIGNED) for each in endpoint.parameters})

numbers = st.one_of(
    st.integers().map(str),
    st.integers(min_value=10**18, max_value=10**400).map(str),
    st.decimals(allow_nan=True, allow_infinity=True).map(str),
    st.sampled_from(["-1", "1e9", "0x10", "0.000000001", "9" * 500, "1_000", "١٢٣", "½"]),
)
words = st.sampled_from(
    ["BTCUSDT", "btcusdt", "BUY", "LIMIT", "MARKET", "GTC", "1m", "true", "[]", "{}", "null", ""]
)
lists = st.one_of(
    st.lists(st.text(max_size=10), max_size=5).map(json.dumps),
    st.sampled_from(['["BTCUSDT"', "[[[[", '[{"symbol":"BTCUSDT"}]', "[" * 1000, '["A","A"]']),
)
values = st.one_of(
    st.one_of(numbers, words, lists, st.text(max_size=40)).map(lambda text: text.encode()),
    st.binary(max_size=40),
)
names = st.one_of(st.sampled_from(NAMES), st.text(min_size=1, max_size=10))
parameters = st.lists(st.tuples(names, values), max_size=8)
endpoints = st.sampled_from([(endpoint.method, endpoint.path) for endpoint in (*PUBLIC, *SIGNED)])
media_types = st.sampled_from(
    [FORM, "application/json", "text/plain", "multipart/form-data; boundary=x", "", "a/b/c"]
)


def encoded(sent: Sent) -> bytes:
    return "&".join(f"{quote(name)}={quote_from_bytes(value)}" for name, value in sent).encode()


def checked(answer: httpx.Response) -> int:
    """The code of an error; 0 for none. No answer is anything but JSON."""
    assert answer.headers["content-type"] == "application/json"
    assert answer.status_code in {200, *range(400, 500)}, answer.text
    if answer.status_code == 200:
        return 0
    said = answer.json()
    assert set(said) == {"code", "msg"}
    assert said["code"] < 0
    assert said["code"] != -1000 or answer.status_code in (404, 405, 408)
    return int(said["code"])


fuzzed = settings(
    max_examples=TRIES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.mark.usefixtures("unharmed")
@fuzzed
@given(endpoint=endpoints, sent=parameters, tail=st.binary(max_size=20))
def test_whatever_is_asked_in_a_query_has_an_answer(
    http: httpx.Client, endpoint: tuple[str, str], sent: Sent, tail: bytes
) -> None:
    method, path = endpoint
    query = encoded(sent) + quote_from_bytes(tail, safe="&=%+").encode()
    checked(http.request(method, f"{path}?{query.decode()}"))


@pytest.mark.usefixtures("unharmed")
@fuzzed
@given(
    endpoint=st.sampled_from([(each.method, each.path) for each in SIGNED]),
    query=parameters,
    body=st.one_of(parameters.map(encoded), lists.map(str.encode), st.binary(max_size=60)),
    media_type=media_types,
    key=st.sampled_from(["", "a", "x" * 65, "é"]),
)
def test_whatever_is_signed_has_an_answer(
    http: httpx.Client,
    sender: Trader,
    endpoint: tuple[str, str],
    query: Sent,
    body: bytes,
    media_type: str,
    key: str,
) -> None:
    method, path = endpoint
    asked = encoded([*query, ("timestamp", str(time.time_ns() // 1_000_000).encode())])
    signature = sign(asked + body, sender.secret)
    headers: list[tuple[bytes, bytes]] = [(API_KEY_HEADER.encode(), sender.key.encode())]
    headers += [(b"Content-Type", media_type.encode())] if media_type else []
    headers += [(IDEMPOTENCY_KEY_HEADER.encode(), key.encode())] if key else []
    url = f"{path}?{asked.decode()}&signature={signature}"
    checked(http.request(method, url, content=body, headers=headers))


# -- each fault under its code --------------------------------------------------------------------

ORDER = limit_order("BUY", "1", "100")


@pytest.mark.usefixtures("unharmed")
@pytest.mark.parametrize(
    ("terms", "code"),
    [
        ({"typo": "1"}, -1104),
        ({"side": "UP"}, -1117),
        ({"type": "NONE"}, -1116),
        ({"timeInForce": "EVER"}, -1115),
        ({"type": "STOP_LOSS"}, -1013),
        ({"icebergQty": "1"}, -1013),
        ({"quantity": "a"}, -1100),
        ({"quantity": "-1"}, -1100),
        ({"quantity": "1e3"}, -1100),
        ({"quantity": "9" * 30}, -1100),
        ({"quantity": "9" * 20}, -1108),
        ({"quantity": "0.000000001"}, -1111),
        ({"quantity": "0"}, -1013),
        ({"quantity": "0.000001"}, -1013),
        ({"price": "100.001"}, -1013),
        ({"price": "0"}, -1013),
        ({"price": ""}, -1105),
        ({"quantity": "0.00001", "price": "1"}, -1013),
        ({"symbol": "NOPE"}, -1121),
        ({"symbol": "\u0412\u0422\u0421"}, -1100),
        ({"newClientOrderId": "a b"}, -1100),
        ({"newClientOrderId": "a" * 37}, -1100),
        ({"newOrderRespType": "ALL"}, -1130),
        ({"selfTradePreventionMode": "SOME"}, -1130),
    ],
)
def test_every_fault_of_an_order_has_its_code(
    sender: Trader, terms: dict[str, str], code: int
) -> None:
    assert sender.refused("POST", "order", **(ORDER | terms))[0] == code


def raw(
    http: httpx.Client, sender: Trader, query: str, body: str, media_type: str = FORM
) -> httpx.Response:
    """An order as it is written, signed."""
    moment = f"timestamp={time.time_ns() // 1_000_000}"
    query = f"{query}&{moment}" if query else moment
    signature = sign((query + body).encode(), sender.secret)
    headers = {API_KEY_HEADER: sender.key, "Content-Type": media_type}
    url = f"/api/v3/order?{query}&signature={signature}"
    return http.post(url, content=body, headers=headers)


@pytest.mark.usefixtures("unharmed")
def test_a_parameter_counts_once_wherever_it_stands(http: httpx.Client, sender: Trader) -> None:
    order = urlencode(ORDER)
    twice = raw(http, sender, "", f"{order}&symbol=ETHUSDT")
    assert (twice.status_code, twice.json()["code"]) == (400, -1101)
    # As documented: what a query says wins over the body, and both are covered by the signature.
    both = raw(http, sender, "symbol=NOPE", order)
    assert both.json()["code"] == -1121
    smuggled = raw(http, sender, order, "signature=" + "0" * 64)
    assert smuggled.json()["code"] == -1022
    unsigned = http.post(
        f"/api/v3/order?{order}&timestamp={time.time_ns() // 1_000_000}",
        headers={API_KEY_HEADER: sender.key},
    )
    assert unsigned.json()["code"] == -1102


@pytest.mark.usefixtures("unharmed")
@pytest.mark.parametrize(
    ("body", "media_type", "status"),
    [
        (json.dumps(ORDER), "application/json", 415),
        ("<order/>", "application/xml", 415),
        ("symbol", FORM, 400),
        ("%zz=%zz", FORM, 400),
        ("%ff=%fe", FORM, 400),
        ("=&=&&&", FORM, 400),
        ("&".join(f"a{number}=1" for number in range(100)), FORM, 400),
        ("a" * 70_000, FORM, 413),
    ],
)
def test_a_body_of_another_kind_is_refused(
    http: httpx.Client, sender: Trader, body: str, media_type: str, status: int
) -> None:
    answer = raw(http, sender, "", body, media_type)
    assert (answer.status_code, checked(answer) < 0) == (status, True)


def address(installation: Installation) -> tuple[str, int]:
    url = urlsplit(installation.api_url)
    assert url.hostname is not None
    assert url.port is not None
    return url.hostname, url.port


@pytest.mark.usefixtures("unharmed")
@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01 not HTTP\r\n\r\n",
        b"GET /api/v3/ping HTTP/1.1\r\nHost: x\r\nContent-Type: \x7f\r\n\r\n",
        b"POST /api/v3/order HTTP/1.1\r\nHost: x\r\nContent-Length: many\r\n\r\n",
    ],
)
async def test_what_is_no_http_is_answered_with_400_and_cut_off(
    installation: Installation, sent: bytes
) -> None:
    reader, writer = await asyncio.open_connection(*address(installation))
    writer.write(sent)
    async with asyncio.timeout(ANSWER_LIMIT_S):
        answer = await reader.read()
    assert answer.split()[1] == b"400"
    assert b"<" not in answer
    writer.close()
    await writer.wait_closed()


@pytest.mark.usefixtures("unharmed")
async def test_a_body_that_does_not_come_is_answered_in_time_and_holds_nobody_up(
    installation: Installation,
) -> None:
    host, port = address(installation)
    head = f"POST /api/v3/order HTTP/1.1\r\nHost: x\r\nContent-Type: {FORM}\r\n"
    waiting = []
    for _ in range(20):
        reader, writer = await asyncio.open_connection(host, port)
        writer.write(f"{head}Content-Length: 100\r\n\r\nsymbol=".encode())
        await writer.drain()
        waiting.append((reader, writer))
    async with httpx.AsyncClient(base_url=installation.api_url) as client:
        for _ in range(20):
            began = time.monotonic()
            answer = await client.get("/api/v3/depth", params={"symbol": "BTCUSDT"})
            assert answer.status_code == 200
            assert time.monotonic() - began < 1
    async with asyncio.timeout(BODY_LIMIT_S + ANSWER_LIMIT_S):
        for reader, writer in waiting:
            assert (await reader.readline()).split()[1] == b"408"
            writer.close()
            await writer.wait_closed()
