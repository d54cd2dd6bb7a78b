"""Amounts are exact: what was typed is what is counted, and what is counted is what is shown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.messages import (
    UNITS_MAX,
    AmountError,
    PrecisionError,
    format_plain,
    format_units,
    parse_units,
)


@pytest.mark.parametrize(
    ("text", "units"),
    [
        ("0", 0),
        ("1", 100_000_000),
        ("0.00000001", 1),
        ("0.0015", 150_000),
        ("1.100000000000", 110_000_000),
        ("007", 700_000_000),
        ("92233720368.54775807", UNITS_MAX),
    ],
)
def test_a_decimal_is_read_exactly(text: str, units: int) -> None:
    assert parse_units(text) == units


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-1",
        "+1",
        " 1",
        "1 ",
        "1\n",
        ".5",
        "5.",
        "1e3",
        "1_000",
        "1,5",
        "0x10",
        "NaN",
        "Infinity",
        "1.2.3",
        "١٢",
        "\uff11",
        "92233720368.54775808",
        "9" * 21,
        "1." + "0" * 21,
    ],
)
def test_what_is_no_amount_is_refused(text: str) -> None:
    with pytest.raises(AmountError):
        parse_units(text)


@pytest.mark.parametrize("text", ["0.000000001", "1.123456789"])
def test_what_is_too_precise_is_told_apart(text: str) -> None:
    with pytest.raises(PrecisionError):
        parse_units(text)


@pytest.mark.parametrize(
    ("units", "full", "plain"),
    [
        (0, "0.00000000", "0"),
        (1, "0.00000001", "0.00000001"),
        (150_000, "0.00150000", "0.0015"),
        (10_000_000_000, "100.00000000", "100"),
        (-150_000, "-0.00150000", "-0.0015"),
    ],
)
def test_an_amount_is_written_with_all_decimals_or_none_too_many(
    units: int, full: str, plain: str
) -> None:
    assert (format_units(units), format_plain(units)) == (full, plain)


@given(st.integers(0, UNITS_MAX))
def test_what_is_written_is_read_back(units: int) -> None:
    assert parse_units(format_units(units)) == parse_units(format_plain(units)) == units
