"""What a market does in each status, and how it comes to halt by itself."""

from __future__ import annotations

import pytest

from streams.matching import MatchingPartition
from streams.matching.market import OUTSIDE_BAND
from streams.messages import (
    ConfigureMarket,
    Execution,
    Market,
    MarketStatus,
    MarketTerms,
    OrderStatus,
    OrderUpdate,
    Reason,
    RequestRejected,
    Side,
)
from streams.outputs import MalformedRecord
from tests.unit.matching.log import (
    ACCOUNT_PARTITIONS,
    PARTITION,
    Log,
    cancel,
    configure,
    frame,
    messages,
    opened,
    place,
)

BUY, SELL = Side.BUY, Side.SELL


def change(log: Log, status: MarketStatus, **terms: object) -> Market:
    config = configure(status=status).config
    command = ConfigureMarket(config, MarketTerms(**terms))  # type: ignore[arg-type]
    (event,) = messages(log.append(frame(command)), Market)
    return event


def trade(log: Log, number: int, price: int, at: int) -> list[Market]:
    """Let two orders meet at a price; what the market says of itself then."""
    log.send(place(number, SELL, 1, price), at=at)
    return messages(log.send(place(number + 1, BUY, 1, price), at=at), Market)


def test_its_reason_is_told_with_the_status() -> None:
    event = change(opened(), MarketStatus.HALT, reason="index provider is down")
    assert (event.status, event.reason) == (MarketStatus.HALT, "index provider is down")


@pytest.mark.parametrize(
    ("status", "cancelled"),
    [
        (MarketStatus.TRADING, True),
        (MarketStatus.HALT, True),
        (MarketStatus.CANCEL_ONLY, True),
        (MarketStatus.BREAK, False),
    ],
)
def test_orders_come_in_while_it_trades_and_leave_unless_it_breaks(
    status: MarketStatus, cancelled: bool
) -> None:
    log = opened()
    log.send(place(1, BUY, 5, 100))
    change(log, status)
    (update,) = messages(log.send(place(2, BUY, 5, 100)), OrderUpdate)
    trades = status is MarketStatus.TRADING
    assert update.status is (OrderStatus.NEW if trades else OrderStatus.REJECTED)
    assert update.reason is (Reason.NONE if trades else Reason.MARKET_CLOSED)
    outputs = log.send(cancel(1, 9))
    if cancelled:
        assert messages(outputs, OrderUpdate)[0].execution is Execution.CANCELED
    else:
        assert messages(outputs, RequestRejected)[0].reason is Reason.MARKET_CLOSED


def test_it_halts_itself_where_its_price_leaves_the_band() -> None:
    log = opened()
    change(log, MarketStatus.TRADING, band_bps=500, band_ms=1_000)
    assert trade(log, 1, 1_000, at=10_000) == []
    assert trade(log, 3, 1_050, at=10_500) == []
    (halted,) = trade(log, 5, 1_051, at=10_900)
    assert (halted.status, halted.reason) == (MarketStatus.HALT, OUTSIDE_BAND)
    (refused,) = messages(log.send(place(7, BUY, 1, 1_000), at=10_901), OrderUpdate)
    assert refused.reason is Reason.MARKET_CLOSED
    change(log, MarketStatus.TRADING, band_bps=500, band_ms=1_000)
    assert trade(log, 9, 2_000, at=20_000) == [], "the price begins anew with the status"


def test_a_window_begins_with_the_last_price_before_it() -> None:
    log = opened()
    change(log, MarketStatus.TRADING, band_bps=500, band_ms=1_000)
    assert trade(log, 1, 1_000, at=10_000) == []
    assert trade(log, 3, 1_040, at=11_000) == []
    assert trade(log, 5, 1_080, at=12_000) == []
    (halted,) = trade(log, 7, 1_140, at=13_000)
    assert halted.status is MarketStatus.HALT


def test_it_halts_at_the_same_trade_from_a_checkpoint() -> None:
    log = opened()
    change(log, MarketStatus.TRADING, band_bps=500, band_ms=1_000)
    trade(log, 1, 1_000, at=10_000)
    restored = MatchingPartition(PARTITION, ACCOUNT_PARTITIONS)
    restored.restore(list(log.machine.snapshot()))
    assert restored.digest() == log.machine.digest()
    log.machine = restored
    (halted,) = trade(log, 3, 940, at=10_900)
    assert halted.status is MarketStatus.HALT


@pytest.mark.parametrize(
    "terms", [MarketTerms("x" * 65), MarketTerms("\n"), MarketTerms("", -1), MarketTerms("", 1, -1)]
)
def test_terms_that_cannot_be_are_set_aside(terms: MarketTerms) -> None:
    with pytest.raises(MalformedRecord):
        opened().append(frame(ConfigureMarket(configure().config, terms)))
