"""The contract of `velocity match`: a line in, its events out."""

from __future__ import annotations

import json

import pytest

from streams.matching.offline import LINE_BYTES_MAX, Event, OfflineMarket, read_config, unknown_keys


class Lines:
    """A market told commands as objects, one a line."""

    def __init__(self, market: str = "{}") -> None:
        self.market = OfflineMarket(read_config(market.encode()))
        self._count = 0

    def say(self, command: object) -> list[Event]:
        return self.raw(json.dumps(command).encode())

    def raw(self, line: bytes) -> list[Event]:
        self._count += 1
        return self.market.take(line, self._count)

    def place(
        self, order_id: str, side: str, price: str, quantity: str, **more: str
    ) -> list[Event]:
        limit = {"type": "LIMIT", "time_in_force": "GTC", "price": price, "quantity": quantity}
        start = {"op": "place", "order_id": order_id, "account": "a", "side": side}
        return self.say(start | limit | more)

    def market_order(self, order_id: str, side: str, **fields: str) -> list[Event]:
        start = {"op": "place", "order_id": order_id, "account": "a", "side": side}
        return self.say(start | {"type": "MARKET"} | fields)

    def change(self, op: str, order_id: str, **fields: str) -> list[Event]:
        return self.say({"op": op, "order_id": order_id, "account": "a"} | fields)


def test_events_come_in_order_with_the_keys_of_the_contract_in_theirs() -> None:
    lines = Lines()
    lines.place("3", "SELL", "100", "1")
    events = lines.place("7", "BUY", "100.5", "2")
    assert [json.dumps(event, separators=(",", ":")) for event in events] == [
        '{"seq":2,"event":"accepted","order_id":"7"}',
        '{"seq":3,"event":"trade","trade_id":1,"price":"100","quantity":"1",'
        '"maker_order_id":"3","taker_order_id":"7"}',
    ]
    assert lines.change("cancel", "7") == [{"seq": 4, "event": "cancelled", "order_id": "7"}]


def test_a_replacement_comes_before_its_trades() -> None:
    lines = Lines()
    lines.place("3", "SELL", "100", "1")
    lines.place("7", "BUY", "99", "2")
    events = lines.change("replace", "7", price="101", quantity="3")
    assert [(event["seq"], event["event"]) for event in events] == [(3, "replaced"), (4, "trade")]
    assert lines.market.book() == {"book": {"bids": [("101", "2")], "asks": []}}


@pytest.mark.parametrize(
    ("order", "remaining"),
    [
        ({"type": "LIMIT", "time_in_force": "IOC", "price": "100", "quantity": "3.5"}, "2.5"),
        ({"type": "LIMIT", "time_in_force": "FOK", "price": "100", "quantity": "3.5"}, "3.5"),
        ({"type": "MARKET", "quantity": "3.5"}, "2.5"),
        ({"type": "MARKET", "quote_quantity": "250.25"}, "150.25"),
        ({"type": "MARKET", "quote_quantity": "0.00000009"}, "0.00000009"),
    ],
)
def test_what_is_left_expires(order: dict[str, str], remaining: str) -> None:
    lines = Lines()
    lines.place("3", "SELL", "100", "1")
    last = lines.market_order("7", "BUY", **order)[-1]
    assert (last["event"], last["remaining"]) == ("expired", remaining)


def test_a_refusal_has_no_seq_and_changes_nothing() -> None:
    lines = Lines()
    lines.place("3", "SELL", "100", "1")
    before = lines.market.digest()
    assert lines.change("cancel", "9") == [
        {"event": "rejected", "op": "cancel", "order_id": "9", "reason": "unknown order"}
    ]
    assert lines.place("3", "SELL", "100", "1")[0]["reason"] == "duplicate order id"
    assert lines.place("4", "BUY", "100", "1", type="LIMIT_MAKER")[0]["reason"] == "would take"
    assert lines.place("4", "BUY", "100.001", "1")[0]["reason"] == "price filter"
    assert lines.place("4", "BUY", "100", "0.000001")[0]["reason"] == "lot size"
    assert lines.place("4", "BUY", "0", "1")[0]["reason"] == "price filter"
    assert lines.change("replace", "3", price="100.001", quantity="1")[0]["op"] == "replace"
    assert lines.market.digest() == before
    assert lines.place("4", "BUY", "99", "1")[0]["seq"] == 2


def test_only_the_owner_may_cancel() -> None:
    lines = Lines()
    lines.place("3", "SELL", "100", "1")
    (event,) = lines.say({"op": "cancel", "order_id": "3", "account": "b"})
    assert event["reason"] == "unknown order"


def test_an_order_id_is_free_again_once_its_order_is_dead() -> None:
    lines = Lines()
    lines.place("x", "SELL", "100", "1")
    lines.place("x2", "BUY", "100", "1")
    for again in ("x", "x2"):
        assert lines.place(again, "SELL", "100", "1", time_in_force="IOC")[0]["event"] == "accepted"
        assert lines.place(again, "SELL", "105", "1")[0]["event"] == "accepted"
        assert lines.change("cancel", again)[0]["event"] == "cancelled"


PLACE = {
    "op": "place",
    "order_id": "7",
    "account": "a",
    "side": "BUY",
    "type": "LIMIT",
    "time_in_force": "GTC",
    "price": "100",
    "quantity": "1",
}


@pytest.mark.parametrize(
    "wrong",
    [
        {"op": "dance"},
        {"op": None},
        {"side": "LEFT"},
        {"type": "ICEBERG"},
        {"time_in_force": "GTD"},
        {"price": 100},
        {"price": 100.5},
        {"price": "-100"},
        {"price": "1e2"},
        {"price": ""},
        {"price": " 100"},
        {"price": "NaN"},
        {"price": "٣"},
        {"price": "100.000000001"},
        {"price": "9" * 30},
        {"price": None},
        {"quantity": None},
        {"quantity": ["1"]},
        {"quote_quantity": "x"},
        {"account": 7},
        {"at": -1},
        {"at": "1"},
        {"at": 10**30},
    ],
)
def test_a_malformed_command_is_rejected_by_its_line(wrong: dict[str, object]) -> None:
    lines = Lines()
    (event,) = lines.say(PLACE | wrong)
    assert list(event)[:2] == ["event", "line"]
    assert (event["event"], event["line"], event["order_id"]) == ("rejected", 1, "7")
    assert event["reason"]
    assert lines.say(PLACE)[0] == {"seq": 1, "event": "accepted", "order_id": "7"}


@pytest.mark.parametrize("missing", ["op", "order_id", "account", "side", "type", "price"])
def test_a_missing_field_is_malformed(missing: str) -> None:
    (event,) = Lines().say({key: value for key, value in PLACE.items() if key != missing})
    assert event["line"] == 1
    assert f"`{missing}`" in event["reason"] or missing == "op"


@pytest.mark.parametrize(
    "line",
    [
        b"garbage",
        b"{",
        b"[]",
        b"null",
        b'"text"',
        b'{"op":"cancel","order_id":"\xff","account":"a"}',
        b'{"op":"cancel","order_id":"\\ud800","account":"a"}',
        b'{"op":"cancel"}{"op":"cancel"}',
        b"[" * 50_000,
        b'{"a":' * 10_000,
        b'{"op":"cancel","order_id":"' + b"x" * LINE_BYTES_MAX + b'","account":"a"}',
    ],
)
def test_a_line_that_is_no_object_is_malformed(line: bytes) -> None:
    lines = Lines()
    (event,) = lines.raw(line)
    assert (event["event"], event["line"]) == ("rejected", 1)
    assert len(event["reason"]) < 200


def test_blank_lines_count_and_do_nothing() -> None:
    lines = Lines()
    assert lines.raw(b"") == lines.raw(b"  \r") == []
    (event,) = lines.raw(b"x")
    assert event["line"] == 3


def test_the_book_is_told_best_first() -> None:
    lines = Lines()
    for number, (side, price) in enumerate(
        [("BUY", "98.5"), ("BUY", "99"), ("SELL", "101"), ("SELL", "100"), ("SELL", "101")]
    ):
        lines.place(str(number), side, price, "0.5")
    assert lines.market.book() == {
        "book": {
            "bids": [("99", "0.5"), ("98.5", "0.5")],
            "asks": [("100", "0.5"), ("101", "1")],
        }
    }


def test_a_market_file_sets_steps_minimum_and_fees() -> None:
    text = (
        '{"tick_size":"0.5","lot_size":"1","min_notional":"10",'
        '"fees":{"maker_bps":1,"taker_bps":2}}'
    )
    config = read_config(text.encode())
    assert (config.maker_fee_bps, config.taker_fee_bps) == (1, 2)
    lines = Lines(text)
    assert lines.place("1", "BUY", "10.25", "1")[0]["reason"] == "price filter"
    assert lines.place("1", "BUY", "9.5", "1")[0]["reason"] == "min notional"
    assert lines.place("1", "BUY", "10", "1")[0]["event"] == "accepted"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"tick_size":0.01}',
        '{"tick_size":"0"}',
        '{"tick_size":"x"}',
        '{"tick_size":"0.0001","lot_size":"0.00001"}',
        '{"min_notional":"-1"}',
        '{"fees":{"taker_bps":10001}}',
        '{"fees":{"taker_bps":-1}}',
        '{"fees":{"maker_bps":"1"}}',
    ],
)
def test_a_bad_market_file_says_what_is_wrong(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w+"):
        read_config(text.encode())


def test_keys_that_mean_nothing_are_named() -> None:
    text = b'{"tick":"1","fees":{"maker":1,"maker_bps":1}}'
    assert read_config(text).maker_fee_bps == 1
    assert unknown_keys(text) == ["tick", "fees.maker"]
