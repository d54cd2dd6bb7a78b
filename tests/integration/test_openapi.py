"""What /openapi.json says is so: schemathesis makes up requests by it, and checks the answers.

Requests that need it are signed, for an account without funds. Administration and users are called
without their keys, so that nothing is made by the hundred.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from requests import PreparedRequest
from requests.auth import AuthBase
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from api.auth import API_KEY_HEADER, sign
from api.handlers.endpoints import SIGNED
from infra.bring_up import bring_up, take_down
from infra.installation import Installation
from infra.settings import Settings
from tests.integration.rest import Administrator

EXAMPLES = 10
"""Requests made up for each operation, half of them against its schema: about a minute in all."""

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    negative_data_rejection,
    unsupported_method,
]
"""Not that whatever fits a schema is accepted: a symbol may be well-written, and name no market."""


TO_SIGN = {(endpoint.method, endpoint.path) for endpoint in SIGNED}


class Signed(AuthBase):
    """Signs a request as it is about to be sent."""

    def __init__(self, key: str, secret: str) -> None:
        self._key = key
        self._secret = secret

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        url = urlsplit(str(request.url))
        moment = f"timestamp={time.time_ns() // 1_000_000}"
        query = f"{url.query}&{moment}" if url.query else moment
        body = request.body or b""
        assert isinstance(body, (str, bytes))
        payload = query.encode() + (body.encode() if isinstance(body, str) else body)
        query += f"&signature={sign(payload, self._secret)}"
        request.url = urlunsplit(url._replace(query=query))
        request.headers[API_KEY_HEADER] = self._key
        return request


@pytest.fixture(scope="module")
def installation(make_settings: Callable[..., Settings]) -> Iterator[Installation]:
    made = make_settings(market_partitions=2)
    try:
        yield bring_up(made, lambda name, state, address: None)
    finally:
        for _ in take_down(made):
            pass


@pytest.fixture(scope="module")
def signed(installation: Installation) -> Signed:
    with httpx.Client(base_url=installation.api_url, timeout=20) as http:
        admin = Administrator(installation, http)
        admin.create_market()
        assert admin("POST", "accounts", account="sender").status_code == 201
        key = admin("POST", "accounts/sender/keys").json()
    return Signed(key["api_key"], key["api_secret"])


@pytest.fixture(scope="module")
def document(installation: Installation) -> Any:
    """What the exchange says of itself, without what `Signed` sees to."""
    described = httpx.get(f"{installation.api_url}/openapi.json").json()
    for operations in described["paths"].values():
        for operation in operations.values():
            operation.pop("security", None)
            operation["parameters"] = [
                parameter
                for parameter in operation.get("parameters", ())
                if parameter["name"] not in ("timestamp", "signature")
            ]
    loaded = schemathesis.openapi.from_dict(described)
    loaded.config.update(base_url=installation.api_url)
    return loaded


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.nested_given, HealthCheck.too_slow],
)
@given(st.data())
def check(operation: Any, auth: Signed | None, told: Counter[int], data: st.DataObject) -> None:
    mode = data.draw(st.sampled_from(list(GenerationMode)))
    case = data.draw(operation.as_strategy(generation_mode=mode))
    told[case.call_and_validate(auth=auth, checks=CHECKS).status_code] += 1


@pytest.mark.timeout(400)
def test_answers_are_as_documented(document: Any, signed: Signed) -> None:
    told: Counter[int] = Counter()
    for found in document.get_all_operations():
        operation = found.ok()
        is_signed = (operation.method.upper(), operation.path) in TO_SIGN
        check(operation, signed if is_signed else None, told)
    # Those that fit were not all turned away, nor were those that don't all let through.
    assert told[200] >= len(TO_SIGN), told
    assert told[400] >= len(TO_SIGN), told
