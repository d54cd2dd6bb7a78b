"""Figures that both doors derive from a ticker, in whole units and rounded once.

Divisions are rounded to the nearest, halves away from zero.
"""

from __future__ import annotations

from streams.messages import UNIT, Ticker, format_units, parse_units

PERCENT_DECIMALS = 3


def price_change(ticker: Ticker) -> str:
    """Last price less that of 24 hours ago; may be negative."""
    return format_units(parse_units(ticker.last) - parse_units(ticker.open))


def price_change_percent(ticker: Ticker) -> str:
    """The change in percent of the price it started from, with 3 decimals."""
    opened = parse_units(ticker.open)
    change = parse_units(ticker.last) - opened
    scale: int = 10**PERCENT_DECIMALS
    scaled = _divide(change * 100 * scale, opened)
    whole, fraction = divmod(abs(scaled), scale)
    return f"{'-' if scaled < 0 else ''}{whole}.{fraction:0{PERCENT_DECIMALS}d}"


def weighted_average_price(ticker: Ticker) -> str:
    """What one base asset cost on average; zero when nothing traded."""
    return average_price(ticker.quote_volume, ticker.volume)


def average_price(quote_volume: str, volume: str) -> str:
    """What one base asset cost on average; zero for no volume."""
    return format_units(_divide(parse_units(quote_volume) * UNIT, parse_units(volume)))


def _divide(dividend: int, divisor: int) -> int:
    """Of a non-negative divisor; zero stands for no answer."""
    if not divisor:
        return 0
    quotient = (2 * abs(dividend) + divisor) // (2 * divisor)
    return -quotient if dividend < 0 else quotient
