"""From what a client asks for to the funds that are held and the price it can get."""

from __future__ import annotations

import msgspec
import pytest

from api.errors import ApiError
from api.feeds.rules import MarketRules
from api.handlers.order_entry import (
    ResponseType,
    place_order,
    read_new_order,
    worst_price,
)
from api.handlers.parameters import Parameters, Spec, read
from api.handlers.placing import NEW_ORDER
from streams.messages import (
    AccountId,
    Asset,
    Market,
    MarketId,
    MarketStatus,
    Millis,
    OrderType,
    PlaceOrder,
    Sequence,
    Side,
    Ticks,
    TimeInForce,
    parse_units,
)

BTCUSDT = MarketRules.of(
    Market(
        market=MarketId("BTCUSDT"),
        seq=Sequence(1),
        time=Millis(0),
        status=MarketStatus.TRADING,
        partition=3,
        base=Asset("BTC"),
        quote=Asset("USDT"),
        tick_size="0.01",
        lot_size="0.001",
        min_notional="10",
        maker_fee_bps=0,
        taker_fee_bps=0,
        protection_bps=500,
    )
)


BOUNDED = MarketRules.of(
    msgspec.structs.replace(
        BTCUSDT.config,
        min_price="90",
        max_price="110",
        min_quantity="0.2",
        max_quantity="20",
        max_market_quantity="5",
        max_notional="1000",
    )
)


def sent(terms: str) -> Parameters:
    given = dict(pair.split("=") for pair in f"symbol=BTCUSDT {terms}".split())
    return read(given, Spec(NEW_ORDER), signed=True)


def placed(terms: str, reference: str | None = None, rules: MarketRules = BTCUSDT) -> PlaceOrder:
    """The command for an order, in a market whose reference price is this."""
    ticks = None if reference is None else rules.ticks(reference)
    return place_order(read_new_order(sent(terms), "generated"), AccountId("alice"), rules, ticks)


def code_of(
    terms: str, reference: str | None = None, rules: MarketRules = BTCUSDT
) -> tuple[int, str]:
    with pytest.raises(ApiError) as refused:
        placed(terms, reference, rules)
    return refused.value.code, refused.value.msg


# -- what is held ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("terms", "reference", "price", "lots", "hold"),
    [
        # A buyer holds what he may pay, a seller what he may deliver.
        ("side=BUY type=LIMIT timeInForce=GTC quantity=2 price=100", None, "100", 2000, "200 USDT"),
        ("side=SELL type=LIMIT timeInForce=IOC quantity=2 price=100", None, "100", 2000, "2 BTC"),
        ("side=BUY type=LIMIT_MAKER quantity=0.5 price=40", None, "40", 500, "20 USDT"),
        # MARKET goes to the worst price at most: the best one moved by 5 %.
        ("side=BUY type=MARKET quantity=2", "100", "105", 2000, "210 USDT"),
        ("side=SELL type=MARKET quantity=2", "100", "95", 2000, "2 BTC"),
        ("side=BUY type=MARKET quoteOrderQty=50", "100", "105", 0, "50 USDT"),
        # Selling for 50 USDT takes at most 0.526 BTC, at 95.
        ("side=SELL type=MARKET quoteOrderQty=50", "100", "95", 0, "0.526 BTC"),
        # Without any price to go by, what needs none goes unprotected ...
        ("side=SELL type=MARKET quantity=2", None, "0", 2000, "2 BTC"),
        ("side=BUY type=MARKET quoteOrderQty=50", None, "0", 0, "50 USDT"),
        # ... and a buyer holds the least that his market takes: he can only expire.
        ("side=BUY type=MARKET quantity=2", None, "5", 2000, "10 USDT"),
    ],
)
def test_an_order_holds_what_it_may_cost_and_no_more(
    terms: str, reference: str | None, price: str, lots: int, hold: str
) -> None:
    command = placed(terms, reference)
    amount, asset = hold.split()
    assert command.price * BTCUSDT.tick == parse_units(price)
    assert command.quantity == lots
    assert (command.hold, command.hold_asset) == (parse_units(amount), asset)


def test_an_order_names_its_market_its_account_and_where_the_market_lives() -> None:
    command = placed("side=BUY type=LIMIT timeInForce=FOK quantity=1 price=100")
    assert (command.account, command.market, command.market_partition) == ("alice", "BTCUSDT", 3)
    assert command.time_in_force is TimeInForce.FOK
    assert command.client_order_id == "generated"


@pytest.mark.parametrize(
    ("side", "reference", "worst"),
    [
        (Side.BUY, 10_000, 10_500),
        (Side.SELL, 10_000, 9_500),
        # Rounded outward to a whole tick, and by one tick at least.
        (Side.BUY, 10_001, 10_502),
        (Side.SELL, 10_001, 9_500),
        (Side.BUY, 3, 4),
        (Side.SELL, 3, 2),
        (Side.SELL, 1, 1),
    ],
)
def test_the_worst_price_is_moved_outward(side: Side, reference: int, worst: int) -> None:
    assert worst_price(Ticks(reference), side, 500) == worst


# -- what is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("terms", "broken"),
    [
        ("side=BUY type=LIMIT timeInForce=GTC quantity=1 price=100.001", "PRICE_FILTER"),
        ("side=BUY type=LIMIT timeInForce=GTC quantity=1 price=0", "PRICE_FILTER"),
        ("side=BUY type=LIMIT timeInForce=GTC quantity=1 price=1000000000.01", "PRICE_FILTER"),
        ("side=BUY type=LIMIT timeInForce=GTC quantity=0.0005 price=100000", "LOT_SIZE"),
        ("side=BUY type=LIMIT timeInForce=GTC quantity=0 price=100", "LOT_SIZE"),
        ("side=SELL type=LIMIT timeInForce=GTC quantity=10000000000.001 price=1", "LOT_SIZE"),
        ("side=BUY type=LIMIT timeInForce=GTC quantity=9999999999 price=999999999", "LOT_SIZE"),
        ("side=SELL type=LIMIT timeInForce=GTC quantity=9999999999 price=999999999", "LOT_SIZE"),
        ("side=BUY type=LIMIT timeInForce=GTC quantity=0.099 price=100", "MIN_NOTIONAL"),
        ("side=BUY type=MARKET quantity=0.001", "MIN_NOTIONAL"),
        ("side=BUY type=MARKET quoteOrderQty=9.99", "MIN_NOTIONAL"),
        ("side=SELL type=MARKET quoteOrderQty=0", "MIN_NOTIONAL"),
    ],
)
def test_an_order_off_the_markets_grid_breaks_its_filter(terms: str, broken: str) -> None:
    assert code_of(terms, "100") == (-1013, f"Filter failure: {broken}")


@pytest.mark.parametrize(
    ("terms", "broken"),
    [
        ("side=BUY type=LIMIT timeInForce=GTC quantity=1 price=89.99", "PRICE_FILTER"),
        ("side=BUY type=LIMIT timeInForce=GTC quantity=1 price=110.01", "PRICE_FILTER"),
        ("side=SELL type=LIMIT timeInForce=GTC quantity=0.199 price=100", "LOT_SIZE"),
        ("side=SELL type=LIMIT timeInForce=GTC quantity=20.001 price=90", "LOT_SIZE"),
        ("side=SELL type=LIMIT timeInForce=GTC quantity=10.001 price=100", "NOTIONAL"),
        ("side=BUY type=MARKET quantity=5.001", "MARKET_LOT_SIZE"),
        ("side=BUY type=MARKET quoteOrderQty=1000.01", "NOTIONAL"),
    ],
)
def test_a_markets_own_bounds_are_its_filters(terms: str, broken: str) -> None:
    assert code_of(terms, "100", BOUNDED) == (-1013, f"Filter failure: {broken}")
    assert placed("side=BUY type=MARKET quantity=5", "100", BOUNDED).quantity == 5_000


@pytest.mark.parametrize(
    ("terms", "code"),
    [
        ("type=LIMIT timeInForce=GTC quantity=1 price=1", -1102),
        ("side=HOLD type=LIMIT timeInForce=GTC quantity=1 price=1", -1117),
        ("side=BUY type=SPELL timeInForce=GTC quantity=1 price=1", -1116),
        ("side=BUY type=LIMIT timeInForce=GTX quantity=1 price=1", -1115),
        ("side=BUY type=LIMIT quantity=1 price=1", -1102),
        ("side=BUY type=LIMIT timeInForce=GTC price=1", -1102),
        ("side=BUY type=LIMIT timeInForce=GTC quantity=1", -1102),
        ("side=BUY type=LIMIT timeInForce=GTC quantity=1 price=1 stopPrice=1", -1106),
        ("side=BUY type=LIMIT timeInForce=GTC quantity=1 price=1 quoteOrderQty=1", -1106),
        ("side=BUY type=LIMIT_MAKER timeInForce=GTC quantity=1 price=1", -1106),
        ("side=BUY type=MARKET quantity=1 price=1", -1106),
        ("side=BUY type=MARKET quantity=1 timeInForce=GTC", -1106),
        ("side=BUY type=MARKET", -1102),
        ("side=BUY type=MARKET quantity=1 quoteOrderQty=1", -1128),
        ("side=BUY type=MARKET quantity=1.000000001", -1111),
        ("side=BUY type=STOP_LOSS quantity=1 stopPrice=1", -1013),
        ("side=BUY type=LIMIT timeInForce=GTC quantity=1 price=1 icebergQty=1", -1013),
        ("side=BUY type=MARKET quantity=1 newOrderRespType=SOME", -1130),
        ("side=BUY type=MARKET quantity=1 selfTradePreventionMode=SOME", -1130),
        ("side=BUY type=MARKET quantity=1 selfTradePreventionMode=TRANSFER", -1013),
    ],
)
def test_what_makes_no_order_has_its_code(terms: str, code: int) -> None:
    assert code_of(terms, "100")[0] == code


def test_a_seller_by_quote_amount_needs_a_price_to_reckon_by() -> None:
    assert code_of("side=SELL type=MARKET quoteOrderQty=50")[0] == -2010


# -- defaults -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("terms", "response"),
    [
        ("type=LIMIT timeInForce=GTC quantity=1 price=1", ResponseType.FULL),
        ("type=MARKET quantity=1", ResponseType.FULL),
        ("type=LIMIT_MAKER quantity=1 price=1", ResponseType.ACK),
        ("type=LIMIT_MAKER quantity=1 price=1 newOrderRespType=RESULT", ResponseType.RESULT),
    ],
)
def test_how_much_is_answered_defaults_by_type(terms: str, response: ResponseType) -> None:
    assert read_new_order(sent(f"side=BUY {terms}"), "generated").response is response


def test_the_clients_own_name_for_an_order_is_kept() -> None:
    order = read_new_order(sent("side=BUY type=MARKET quantity=1 newClientOrderId=mine"), "other")
    assert (order.client_order_id, order.order_type) == ("mine", OrderType.MARKET)
