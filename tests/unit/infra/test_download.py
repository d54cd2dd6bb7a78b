"""Jars come whole and as locked, or not at all."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from infra.local import download
from infra.local.download import DownloadError, install
from infra.local.lockfile import Jar

CONTENT = b"a jar"
JAR = Jar("group:artifact:1", hashlib.sha256(CONTENT).hexdigest(), len(CONTENT))

Answer = Callable[[httpx.Request], httpx.Response]
Serve = Callable[[Answer], None]


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Serve:
    """Put an answer in the repository's place."""
    monkeypatch.setattr(download, "BACKOFF_S", 0.0)

    def serve(answer: Answer) -> None:
        transport = httpx.MockTransport(answer)
        client = httpx.AsyncClient(transport=transport, base_url="http://repository")
        monkeypatch.setattr(download, "_client", lambda: client)

    return serve


def test_a_jar_is_fetched_once(serve: Serve, tmp_path: Path) -> None:
    asked = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        return httpx.Response(200, content=CONTENT)

    serve(answer)
    assert install([JAR], tmp_path) == install([JAR], tmp_path)
    assert asked == ["/group/artifact/1/artifact-1.jar"]
    assert (tmp_path / JAR.filename).read_bytes() == CONTENT


def test_a_wrong_checksum_is_refused_and_leaves_nothing(serve: Serve, tmp_path: Path) -> None:
    serve(lambda request: httpx.Response(200, content=b"another jar"))
    with pytest.raises(DownloadError, match="group:artifact:1 has the wrong checksum"):
        install([JAR], tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_passing_failure_is_tried_again(serve: Serve, tmp_path: Path) -> None:
    answers = iter([httpx.Response(503), httpx.Response(429), httpx.Response(200, content=CONTENT)])
    serve(lambda request: next(answers))
    assert install([JAR], tmp_path)[0].read_bytes() == CONTENT


def test_attempts_are_limited(serve: Serve, tmp_path: Path) -> None:
    asked = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        raise httpx.ConnectError("no route")

    serve(answer)
    with pytest.raises(DownloadError, match="no route"):
        install([JAR], tmp_path)
    assert len(asked) == download.ATTEMPTS


def test_a_jar_that_does_not_exist_is_not_asked_for_again(serve: Serve, tmp_path: Path) -> None:
    asked = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(404)

    serve(answer)
    with pytest.raises(DownloadError, match="404"):
        install([JAR], tmp_path)
    assert len(asked) == 1
