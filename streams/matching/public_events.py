"""What everybody is told of a market: how it is configured, and its trades."""

from __future__ import annotations

from streams.matching.outbox import Outbox
from streams.matching.outcomes import (
    Traded,
)
from streams.messages import (
    NO_TERMS,
    Market,
    MarketConfig,
    MarketTerms,
    Sequence,
    Trade,
    format_price,
    format_units,
)


def market_event(
    config: MarketConfig, seq: int, outbox: Outbox, terms: MarketTerms = NO_TERMS
) -> Market:
    """How a market is configured since its event `seq`."""
    return Market(
        market=config.market,
        seq=Sequence(seq),
        time=outbox.at,
        status=config.status,
        partition=config.partition,
        base=config.base,
        quote=config.quote,
        tick_size=format_units(config.tick),
        lot_size=format_units(config.lot),
        min_notional=format_units(config.min_notional),
        maker_fee_bps=config.maker_fee_bps,
        taker_fee_bps=config.taker_fee_bps,
        protection_bps=config.protection_bps,
        reason=terms.reason,
        band_bps=terms.band_bps,
        band_ms=terms.band_ms,
        min_price=format_units(terms.min_price),
        max_price=format_units(terms.max_price),
        min_quantity=format_units(terms.min_quantity),
        max_quantity=format_units(terms.max_quantity),
        max_market_quantity=format_units(terms.max_market_quantity),
        max_notional=format_units(terms.max_notional),
    )


def public_trade(
    outbox: Outbox, config: MarketConfig, trade: Traded, base: int, quote: int
) -> Trade:
    return Trade(
        market=config.market,
        seq=Sequence(trade.seq),
        time=outbox.at,
        trade_id=trade.trade_id,
        aggregate_id=trade.aggregate_id,
        aggregate_last=trade.aggregate_last,
        price=format_price(trade.price * config.tick),
        quantity=format_units(base),
        quote_quantity=format_units(quote),
        maker_order_id=trade.maker.order_id,
        taker_order_id=trade.taker.order_id,
        taker_side=trade.taker.side,
        cause=outbox.cause,
    )
