"""`velocity match` as a process: what it reads, writes, and how it ends."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from infra.cli.match import CHUNK_BYTES, match
from streams.matching.offline import LINE_BYTES_MAX

app = typer.Typer()
app.command()(match)
PROCESS = [
    sys.executable,
    "-c",
    "import typer; from infra.cli.match import match; typer.run(match)",
]


def order(number: int, side: str = "SELL", price: str = "100") -> str:
    return json.dumps(
        {
            "op": "place",
            "order_id": str(number),
            "account": "a",
            "side": side,
            "type": "LIMIT",
            "time_in_force": "GTC",
            "price": price,
            "quantity": "1",
        }
    )


def run(text: str | bytes, *options: str) -> list[str]:
    result = CliRunner().invoke(app, options, input=text)
    assert result.exit_code == 0, result.output
    return result.stdout.splitlines()


def test_lines_in_lines_out_and_the_book_and_digest_last() -> None:
    written = run(f"{order(3)}\n{order(7, 'BUY')}\n{order(8)}\n", "--book", "--digest")
    assert written[:4] == [
        '{"seq":1,"event":"accepted","order_id":"3"}',
        '{"seq":2,"event":"accepted","order_id":"7"}',
        '{"seq":3,"event":"trade","trade_id":1,"price":"100","quantity":"1",'
        '"maker_order_id":"3","taker_order_id":"7"}',
        '{"seq":4,"event":"accepted","order_id":"8"}',
    ]
    assert written[4] == '{"book":{"bids":[],"asks":[["100","1"]]}}'
    assert list(json.loads(written[5])) == ["digest"]
    assert len(written) == 6


def test_the_last_line_needs_no_end() -> None:
    assert run(order(1)) == run(order(1) + "\n") == run(order(1) + "\r\n")


def test_equal_input_gives_equal_bytes_however_it_is_cut() -> None:
    text = "\n".join(order(n, ("BUY", "SELL")[n % 2], str(95 + n % 10)) for n in range(2_000))
    assert len(text) > 3 * CHUNK_BYTES
    assert run(text, "--digest") == run(text, "--digest")
    assert len(run(text)) > 2_000


def test_a_line_without_end_is_one_malformed_line() -> None:
    text = b"x" * (3 * LINE_BYTES_MAX) + b"\n" + order(1).encode()
    first, second = (json.loads(line) for line in run(text))
    assert (first["event"], first["line"]) == ("rejected", 1)
    assert second["event"] == "accepted"


def test_a_market_file_is_used(tmp_path: Path) -> None:
    file = tmp_path / "market.json"
    file.write_text('{"tick_size":"1","lot_size":"1","min_notional":"0","fees":{}}')
    (event,) = map(json.loads, run(order(1, price="100.5"), "--market", str(file)))
    assert event["reason"] == "price filter"


@pytest.mark.parametrize("text", ["{", '{"tick_size":"0"}', '{"fees":3}'])
def test_a_bad_market_file_ends_the_run_with_its_name(tmp_path: Path, text: str) -> None:
    file = tmp_path / "market.json"
    file.write_text(text)
    result = CliRunner().invoke(app, ["--market", str(file)], input=order(1))
    assert result.exit_code == 2
    assert str(file) in result.stderr
    assert result.stdout == ""


def test_a_missing_market_file_ends_the_run(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["--market", str(tmp_path / "none")], input="")
    assert result.exit_code == 2


def test_an_answer_comes_before_the_next_line_is_sent() -> None:
    with subprocess.Popen(PROCESS, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for number in (1, 2):
            process.stdin.write(f"{order(number)}\n".encode())
            process.stdin.flush()
            assert json.loads(process.stdout.readline())["order_id"] == str(number)
        process.stdin.close()
        assert process.wait(timeout=20) == 0


def test_a_reader_that_goes_away_ends_it_quietly() -> None:
    text = "\n".join(order(n) for n in range(20_000)).encode()
    with subprocess.Popen(
        PROCESS, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.close()
        process.stdout = None
        _, complaints = process.communicate(text, timeout=20)
        assert (process.returncode, complaints) == (0, b"")
