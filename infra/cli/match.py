"""`velocity match`: the market machine offline, commands in, events out."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer

if TYPE_CHECKING:
    from streams.matching.offline import Event, OfflineMarket
    from streams.messages import MarketConfig

CHUNK_BYTES = 64 * 1024


def match(
    market: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            dir_okay=False,
            readable=True,
            metavar="FILE",
            help='The market: {"tick_size":"0.01","lot_size":"0.00001","min_notional":"0",'
            '"fees":{"maker_bps":0,"taker_bps":0}}, which is also the default.',
        ),
    ] = None,
    book: Annotated[bool, typer.Option("--book", help="End with the book as it stands.")] = False,
    digest: Annotated[bool, typer.Option("--digest", help="End with a hash of the state.")] = False,
) -> None:
    """Match orders without a broker: commands as JSON lines in, events as JSON lines out.

    Reads {"op":"place","order_id","account","side","type","time_in_force","price","quantity"},
    {"op":"cancel","order_id","account"} and {"op":"replace","order_id","account","price",
    "quantity"} from stdin, numbers as decimal strings, "at" in milliseconds optional. A MARKET
    order has a "quantity" or a "quote_quantity"; its "price" is the worst it may trade at.

    Writes accepted, trade, replaced, cancelled and expired, numbered by "seq", and rejected, which
    has none. A line that can't be read is rejected by its number, and the run goes on.
    """
    from streams.matching.offline import OfflineMarket

    machine = OfflineMarket(_config(market))
    try:
        _run(machine, sys.stdin.buffer, sys.stdout.buffer)
        endings = [machine.book()] * book + [machine.digest()] * digest
        _write(sys.stdout.buffer, endings)
    except BrokenPipeError:
        # Who reads has read enough. Python's last flush must find nobody to complain about.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _config(path: Path | None) -> MarketConfig:
    from streams.matching.offline import read_config, unknown_keys

    text = b"{}" if path is None else path.read_bytes()
    try:
        config = read_config(text)
    except ValueError as error:
        typer.echo(f"velocity: {path}: {error}", err=True)
        raise typer.Exit(2) from error
    for key in unknown_keys(text):
        typer.echo(f"velocity: {path}: {key!r} is not known and changes nothing", err=True)
    return config


def _run(machine: OfflineMarket, source: BinaryIO, target: BinaryIO) -> None:
    number = 0
    for lines in _lines(source):
        events: list[Event] = []
        for line in lines:
            number += 1
            events += machine.take(line, number)
        _write(target, events)


def _lines(source: BinaryIO) -> Iterator[list[bytes]]:
    """Lines as they come in, those of one read together: who waits for an answer gets it, and
    who sends many pays little for each. Of a line too long to be one, only its length is kept.
    """
    from streams.matching.offline import LINE_BYTES_MAX

    rest = b""
    while chunk := source.read1(CHUNK_BYTES):  # type: ignore[attr-defined]
        *lines, rest = (rest + chunk).split(b"\n")
        rest = rest[: LINE_BYTES_MAX + 1]
        yield lines
    if rest:
        yield [rest]


def _write(target: BinaryIO, events: list[Event]) -> None:
    import msgspec

    encode = msgspec.json.encode
    target.write(b"".join(encode(event) + b"\n" for event in events))
    target.flush()
