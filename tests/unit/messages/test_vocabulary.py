"""How commands, orders and partitions are named: none twice, none too large for a client."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.messages import (
    ACCOUNT_PARTITIONS_MAX,
    FRAME_COMMANDS_MAX,
    ConfigureMarket,
    MarketConfig,
    OrderStatus,
    Units,
    partition_of_account,
    partition_of_request,
    request_id,
)
from streams.messages.epoch import EPOCHS_MAX, Epoch
from tests.unit.messages.samples import MARKET_COMMANDS

partitions = st.integers(0, ACCOUNT_PARTITIONS_MAX - 1)
indexes = st.integers(0, FRAME_COMMANDS_MAX - 1)
offsets = st.integers(0, 10**12)
places = st.tuples(partitions, offsets, indexes)


@given(places, places)
def test_a_request_id_names_one_command(
    one: tuple[int, int, int], other: tuple[int, int, int]
) -> None:
    assert (request_id(*one) == request_id(*other)) == (one == other)
    assert partition_of_request(request_id(*one)) == one[0]


@given(partitions, st.tuples(offsets, indexes), st.tuples(offsets, indexes))
def test_request_ids_rise_within_a_partition(
    partition: int, one: tuple[int, int], other: tuple[int, int]
) -> None:
    rises = request_id(partition, *one) < request_id(partition, *other)
    assert rises == (one < other)


def test_request_ids_are_never_zero_and_survive_javascript() -> None:
    assert request_id(0, 0, 0) > 0
    last_offset = Epoch(EPOCHS_MAX).first - 2
    last = request_id(ACCOUNT_PARTITIONS_MAX - 1, last_offset, FRAME_COMMANDS_MAX - 1)
    assert last < 2**53


def test_an_account_stays_in_its_partition_for_life() -> None:
    assert [partition_of_account(name, 8) for name in ("ann", "bob", "çelik")] == [3, 0, 4]


def market_config(tick: int, lot: int) -> MarketConfig:
    (command,) = (each for each in MARKET_COMMANDS if isinstance(each, ConfigureMarket))
    old = command.config
    return MarketConfig(old.market, 0, old.base, old.quote, Units(tick), Units(lot), Units(0), 0, 0)


def test_a_tick_times_a_lot_is_a_whole_number_of_quote_units() -> None:
    assert market_config(tick=1_000_000, lot=1_000).tick_lot == 10
    for tick, lot in ((1, 1), (1_000_000, 150), (0, 1_000)):
        with pytest.raises(ValueError, match="whole number"):
            _ = market_config(tick, lot).tick_lot


def test_an_order_is_open_while_it_can_trade() -> None:
    assert {status for status in OrderStatus if status.is_open} == {
        OrderStatus.NEW,
        OrderStatus.PARTIALLY_FILLED,
    }
