"""Today's contract keeps what the released one promised; what breaks it is found."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from infra.contract.asyncapi import document
from infra.contract.compatibility import breaks
from infra.contract.files import RELEASED

Json = dict[str, Any]


@pytest.fixture
def today() -> Json:
    return copy.deepcopy(document())


def trade(contract: Json) -> Json:
    found: Json = contract["components"]["schemas"]["Trade"]
    return found


def kafka(contract: Json, topic: str) -> Json:
    found: Json = contract["channels"][topic]["bindings"]["kafka"]
    return found


def test_todays_contract_keeps_the_released_one() -> None:
    assert breaks(json.loads(RELEASED.read_text()), document()) == []


def add_a_field(contract: Json) -> None:
    trade(contract)["properties"]["venue_fee"] = {"type": "string"}


def add_a_field_that_is_always_there(contract: Json) -> None:
    add_a_field(contract)
    trade(contract)["required"].append("venue_fee")


def add_a_value(contract: Json) -> None:
    status = contract["components"]["schemas"]["Market"]["properties"]["status"]
    status["enum"].append("AUCTION")


def add_a_topic(contract: Json) -> None:
    contract["channels"]["auctions"] = contract["channels"]["trades"]


def add_a_header(contract: Json) -> None:
    contract["components"]["messages"]["Trade"]["headers"]["properties"]["ce_time"] = {
        "type": "string"
    }


def keep_for_longer(contract: Json) -> None:
    kafka(contract, "trades")["topicConfiguration"]["retention.ms"] *= 2


def say_it_better(contract: Json) -> None:
    trade(contract)["properties"]["price"]["description"] = "The price."


@pytest.mark.parametrize(
    "change",
    [
        add_a_field,
        add_a_field_that_is_always_there,
        add_a_value,
        add_a_topic,
        add_a_header,
        keep_for_longer,
        say_it_better,
    ],
)
def test_what_is_added_breaks_nothing(today: Json, change: Callable[[Json], None]) -> None:
    change(today)
    assert breaks(document(), today) == []


def remove_a_field(contract: Json) -> None:
    del trade(contract)["properties"]["cause"]


def rename_a_field(contract: Json) -> None:
    properties = trade(contract)["properties"]
    properties["size"] = properties.pop("quantity")


def change_a_type(contract: Json) -> None:
    trade(contract)["properties"]["price"] = {"type": "number"}


def make_optional(contract: Json) -> None:
    trade(contract)["required"].remove("trade_id")


def remove_a_value(contract: Json) -> None:
    contract["components"]["schemas"]["Depth"]["properties"]["kind"]["enum"].remove("snapshot")


def change_a_level(contract: Json) -> None:
    level = contract["components"]["schemas"]["Depth"]["properties"]["bids"]["items"]
    level["items"].append({"type": "integer"})
    level["minItems"] = level["maxItems"] = 3


def close_a_set(contract: Json) -> None:
    contract["components"]["schemas"]["Kline"]["properties"]["interval"]["enum"] = ["1m"]


def remove_a_header(contract: Json) -> None:
    del contract["components"]["messages"]["Trade"]["headers"]["properties"]["ce_id"]


def remove_a_topic(contract: Json) -> None:
    del contract["channels"]["klines"]


def rename_a_topic(contract: Json) -> None:
    contract["channels"]["trades"]["address"] = "{venue}.trades.v2"


def compact(contract: Json) -> None:
    kafka(contract, "trades")["topicConfiguration"]["cleanup.policy"] = ["compact"]


def keep_for_less_long(contract: Json) -> None:
    kafka(contract, "depth")["topicConfiguration"]["retention.ms"] //= 2


def stop_keeping_for_good(contract: Json) -> None:
    kafka(contract, "markets")["topicConfiguration"]["retention.ms"] = 1


def change_the_content_type(contract: Json) -> None:
    contract["components"]["messages"]["Trade"]["contentType"] = "application/avro"


@pytest.mark.parametrize(
    "change",
    [
        remove_a_field,
        rename_a_field,
        change_a_type,
        make_optional,
        remove_a_value,
        change_a_level,
        close_a_set,
        remove_a_header,
        remove_a_topic,
        rename_a_topic,
        compact,
        keep_for_less_long,
        stop_keeping_for_good,
        change_the_content_type,
    ],
)
def test_what_is_taken_away_or_changed_breaks_it(
    today: Json, change: Callable[[Json], None]
) -> None:
    change(today)
    assert breaks(document(), today)
