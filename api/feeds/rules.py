"""What a market's configuration means for numbers that come in at a door."""

from __future__ import annotations

from dataclasses import dataclass

from streams.messages import (
    UNIT,
    UNITS_MAX,
    Lots,
    Market,
    MarketId,
    Ticks,
    Units,
    format_units,
    parse_units,
)


class OffGridError(ValueError):
    """A price that is no whole number of ticks, or a quantity that is none of lots."""


PRICE_MAX = Units(10**9 * UNIT)
QUANTITY_MAX = Units(10**10 * UNIT)
"""The largest price and quantity where a market has no bounds of its own."""


@dataclass(frozen=True, slots=True)
class MarketRules:
    """A market's configuration with its steps and bounds as integers, in units."""

    config: Market
    tick: Units
    lot: Units
    min_notional: Units
    min_price: Units
    max_price: Units
    min_quantity: Units
    max_quantity: Units
    max_market_quantity: Units
    max_notional: Units

    @staticmethod
    def of(config: Market) -> MarketRules:
        tick, lot = parse_units(config.tick_size), parse_units(config.lot_size)
        max_quantity = parse_units(config.max_quantity) or QUANTITY_MAX
        return MarketRules(
            config,
            tick,
            lot,
            parse_units(config.min_notional),
            parse_units(config.min_price) or tick,
            parse_units(config.max_price) or PRICE_MAX,
            parse_units(config.min_quantity) or lot,
            max_quantity,
            parse_units(config.max_market_quantity) or max_quantity,
            parse_units(config.max_notional) or UNITS_MAX,
        )

    @property
    def market(self) -> MarketId:
        return self.config.market

    @property
    def tick_lot(self) -> int:
        """The value of one lot at a price of one tick, in quote units."""
        return self.tick * self.lot // UNIT

    def ticks(self, price: str) -> Ticks:
        """Raises `AmountError` for what is no amount, `OffGridError` for what is off the grid."""
        return Ticks(_steps(price, self.tick))

    def lots(self, quantity: str) -> Lots:
        """Raises as `ticks` does."""
        return Lots(_steps(quantity, self.lot))

    def price(self, ticks: Ticks) -> str:
        return format_units(ticks * self.tick)

    def quantity(self, lots: Lots) -> str:
        return format_units(lots * self.lot)

    def notional(self, ticks: Ticks, lots: Lots) -> Units:
        """What so many lots cost at a price, in quote units."""
        return Units(ticks * lots * self.tick_lot)


def _steps(text: str, step: int) -> int:
    steps, rest = divmod(parse_units(text), step)
    if rest:
        raise OffGridError(f"{text} is no multiple of {format_units(step)}")
    return steps
