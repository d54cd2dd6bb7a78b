"""From events to rows: what each read model remembers, and which of two writes stands."""

from __future__ import annotations

import json

import pytest

from projections.archive import COMMAND_LOG, FRAMES_PER_BUCKET
from projections.feeds import MARKETS_FEED, UPDATES_FEED, MalformedRecord, Record
from projections.orders import FRAMES_PER_BUCKET as ORDER_FRAMES_PER_BUCKET
from projections.series import bucket_of
from projections.tables import Key, Write
from projections.writer import newest_of_each
from streams.messages import AccountId, Reason, Update, encode_event
from streams.messages.events import PublicEvent
from streams.topics import KLINES, TRADES, UPDATES, Topic
from tests.unit.projections.samples import (
    T0,
    balance,
    balance_update,
    canceled,
    filled,
    kline,
    order_id,
    order_update,
    rejected,
    trade,
)

Rows = dict[tuple[str, Key, Key], Key | None]


def rows(*events: Update | PublicEvent, topic: Topic = UPDATES) -> Rows:
    """What the events, in this order, leave behind: values by table, partition and row."""
    reads = {**UPDATES_FEED.reads, **MARKETS_FEED.reads}
    writes: list[Write] = []
    for event in events:
        writes += reads[topic](Record(topic, 0, 0, T0, encode_event(event)))
    buckets = [bucket for write in writes if (bucket := bucket_of(write))]
    newest = newest_of_each([*writes, *buckets])
    return {(write.table.name, *write.name[1:]): write.values for write in newest}


def of_table(found: Rows, name: str) -> dict[Key, Key | None]:
    return {row: values for (table, _, row), values in found.items() if table == name}


def text(event: Update | PublicEvent) -> str:
    return encode_event(event).decode()


def test_an_order_is_kept_as_its_latest_event() -> None:
    new, fill = order_update(1, 7), filled(2, 7)
    assert of_table(rows(new, fill), "orders") == {("alice", order_id(7)): (text(fill),)}


def test_an_event_that_arrives_late_does_not_bring_an_order_back() -> None:
    new, gone = order_update(1, 7), canceled(2, 7)
    assert rows(new, gone) == rows(new, gone, new)
    assert of_table(rows(gone, new), "open_orders") == {("BTCUSDT", order_id(7)): None}


def test_a_client_order_id_leads_to_the_newest_order_that_bears_it() -> None:
    one = order_update(50, 7, client_order_id="mine")
    # From another source, where numbers are lower: it is the newer order nevertheless.
    other = rejected(3, 8, client_order_id="mine", reason=Reason.INSUFFICIENT_BALANCE)
    expected = {("BTCUSDT", "mine"): (order_id(8),)}
    assert of_table(rows(one, other), "client_order_ids") == expected
    assert of_table(rows(other, one), "client_order_ids") == expected


def test_an_order_refused_as_a_duplicate_does_not_hide_the_one_it_duplicates() -> None:
    one = order_update(1, 7, client_order_id="mine")
    other = rejected(2, 8, client_order_id="mine", reason=Reason.DUPLICATE_ORDER_ID)
    expected = {("BTCUSDT", "mine"): (order_id(7),)}
    assert of_table(rows(one, other), "client_order_ids") == expected


def test_a_rejected_order_was_never_open() -> None:
    assert of_table(rows(rejected(1, 7)), "open_orders") == {}


def test_orders_placed_far_apart_lie_in_partitions_of_their_own() -> None:
    found = rows(order_update(1, 7), order_update(2, 7 + 2 * ORDER_FRAMES_PER_BUCKET))
    partitions = [partition for table, partition, _ in found if table == "orders"]
    assert partitions == [("BTCUSDT", 0), ("BTCUSDT", 2)]
    begins = of_table(found, "buckets")
    assert begins == {(0,): (T0 + 7,), (2,): (T0 + 7 + 2 * ORDER_FRAMES_PER_BUCKET,)}


def test_accounts_share_a_bucket_and_each_is_listed_with_what_it_has_in_it() -> None:
    found = rows(order_update(1, 7), order_update(2, 8, account=AccountId("bob")))
    assert {partition for table, partition, _ in found if table == "orders"} == {("BTCUSDT", 0)}
    listed = [partition for table, partition, _ in found if table == "buckets"]
    assert listed == [(("orders", "BTCUSDT", "alice"),), (("orders", "BTCUSDT", "bob"),)]


def test_a_bucket_begins_with_its_first_order_whichever_is_seen_first() -> None:
    early, late = order_update(1, 7), order_update(2, 9)
    assert of_table(rows(late, early), "buckets") == {(0,): (T0 + 7,)}


def test_an_account_that_trades_with_itself_has_both_sides() -> None:
    fills = rows(filled(1, 7, trade_id=3), filled(2, 8, trade_id=3))
    assert set(of_table(fills, "fills")) == {
        ("alice", 3, order_id(7)),
        ("alice", 3, order_id(8)),
    }


def test_a_balance_is_that_of_the_latest_event_whatever_came_last() -> None:
    old = balance_update(1, balance("USDT", 100, 0), balance("BTC", 5, 0))
    new = balance_update(2, balance("USDT", 60, 40))
    expected = {("USDT",): (60, 40), ("BTC",): (5, 0)}
    assert of_table(rows(old, new), "balances") == expected
    assert of_table(rows(new, old), "balances") == expected


def test_a_candle_is_kept_as_its_latest_state() -> None:
    found = rows(kline(1, T0), kline(3, T0), kline(2, T0), topic=KLINES)
    assert of_table(found, "klines") == {(T0,): (text(kline(3, T0)),)}


def test_a_trade_told_twice_is_one_row() -> None:
    assert of_table(rows(trade(1), trade(1), topic=TRADES), "trades") == {(1,): (text(trade(1)),)}


def test_the_archive_keeps_what_nobody_can_decode() -> None:
    frame = COMMAND_LOG.write(1, FRAMES_PER_BUCKET + 5, T0, b"\xff not a frame")
    bucket = bucket_of(frame)
    assert bucket
    assert (frame.partition, frame.row) == ((1, 1), (FRAMES_PER_BUCKET + 5,))
    assert frame.values == (T0, b"\xff not a frame")
    assert (bucket.partition, bucket.row) == ((("command_log", "1"),), (1,))
    assert (bucket.values, bucket.version) == ((T0,), FRAMES_PER_BUCKET - 5)


@pytest.mark.parametrize(
    ("what", "value"),
    [
        ("no JSON", b"\xff\x00garbage"),
        ("another message", encode_event(trade(1))),
        ("a name without characters", encode_event(order_update(1, 7, account=""))),
        ("a name without end", encode_event(order_update(1, 7, market="M" * 5000))),
        ("a number beyond 64 bits", encode_event(balance_update(1, balance("BTC", 2**63, 0)))),
        ("nothing", b""),
    ],
)
def test_what_no_row_can_hold_is_malformed(what: str, value: bytes) -> None:
    with pytest.raises(MalformedRecord):
        UPDATES_FEED.reads[UPDATES](Record(UPDATES, 0, 0, T0, value))


@pytest.mark.parametrize("interval", ["", "m", "1x", "99999m", "\u0661m"])
def test_a_candle_of_no_known_interval_is_malformed(interval: str) -> None:
    record = Record(KLINES, 0, 0, T0, encode_event(kline(1, T0, interval=interval)))
    with pytest.raises(MalformedRecord):
        MARKETS_FEED.reads[KLINES](record)


def test_a_message_of_tomorrow_with_more_fields_is_kept_whole() -> None:
    event = json.loads(encode_event(order_update(1, 7)))
    value = json.dumps(event | {"iceberg": 5}).encode()
    writes = UPDATES_FEED.reads[UPDATES](Record(UPDATES, 0, 0, T0, value))
    assert writes[0].values == (value.decode(),)
