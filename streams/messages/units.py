"""The measures money and markets are counted in: integers inside, decimal strings at the edge.

Every asset is counted in **units** of 10⁻⁸ of it, every price in quote units for one whole base
asset. A market counts prices in ticks and quantities in lots, both whole numbers of units. No
float comes near an amount.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NewType

Units = NewType("Units", int)
"""An amount of an asset, or a price for one whole base asset, in 10⁻⁸."""

Ticks = NewType("Ticks", int)
"""A price, as a multiple of the market's tick."""

Lots = NewType("Lots", int)
"""A quantity, as a multiple of the market's lot."""

Sequence = NewType("Sequence", int)
"""The place of an event among those of its source: gapless, from 1."""

Offset = NewType("Offset", int)
"""The place of a record in its partition of a topic, from 0."""

Millis = NewType("Millis", int)
"""A moment, in milliseconds since 1970-01-01 UTC."""

DECIMALS = 8
UNIT: int = 10**DECIMALS
"""Units in one whole asset."""

PRICES_REMEMBERED = 2**14

UNITS_MAX = Units(2**63 - 1)
"""No balance, price or amount goes above this: it must fit a signed 64-bit integer."""

BASIS_POINTS = 10_000
"""A fee rate is given in basis points: this many make the whole."""

# ASCII digits only: `\d` and int() would take other scripts' digits too. Its length is bounded, so
# that a hostile number costs no more than an honest one.
_DECIMAL = re.compile(r"([0-9]{1,20})(?:\.([0-9]{1,20}))?")


class AmountError(ValueError):
    """A decimal string that is no amount: malformed, too precise or out of range."""


class PrecisionError(AmountError):
    """A decimal with more places than an amount can have."""


def parse_units(text: str) -> Units:
    """Read a non-negative decimal such as `"0.0015"` exactly.

    Raises `PrecisionError` when it has more than 8 significant decimals, `AmountError` when it is
    not a plain decimal or is above `UNITS_MAX`.
    """
    match = _DECIMAL.fullmatch(text)
    if match is None:
        raise AmountError(f"not a decimal number: {text[:40]!r}")
    whole, fraction = match[1], (match[2] or "").rstrip("0")
    if len(fraction) > DECIMALS:
        raise PrecisionError(f"more than {DECIMALS} decimals: {text!r}")
    units = int(whole) * UNIT + int(fraction.ljust(DECIMALS, "0"))
    if units > UNITS_MAX:
        raise AmountError(f"too large: {text!r}")
    return Units(units)


def format_units(units: int) -> str:
    """Write an amount with all its 8 decimals, as every door does: `"0.00150000"`."""
    if units < 0:
        return f"-{format_units(-units)}"
    return f"{units // UNIT}.{units % UNIT:08d}"


format_price = lru_cache(PRICES_REMEMBERED)(format_units)
"""As `format_units`, for amounts that come again and again, as the prices near a market's do."""


def format_plain(units: int) -> str:
    """Write an amount without trailing zeros: `"0.0015"`, `"100"`."""
    return format_units(units).rstrip("0").removesuffix(".")
