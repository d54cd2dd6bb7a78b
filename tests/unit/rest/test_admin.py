"""What an administrator may ask for, and that no ledger chokes on what gets through."""

from __future__ import annotations

import msgspec
import pytest

from api.errors import ApiError
from api.feeds.rules import MarketRules
from api.handlers.accounts import NewAccount, NewKey, NewLogin
from api.handlers.admin import MarketChange, NewDeposit, NewMarket, changed_market, market_config
from api.handlers.standing import Decision, NewFees, NewStatus, NewWithdrawal
from api.handlers.users import Logout, NewOwnKey, NewPassword, Refresh
from api.rest.examples import EXAMPLES
from streams.ledger.partition import LedgerPartition
from streams.messages import (
    AccountCommand,
    AccountId,
    Asset,
    Deposit,
    Frame,
    Market,
    MarketId,
    MarketStatus,
    MarketTerms,
    Millis,
    OpenAccount,
    Sequence,
    Units,
    encode_frame,
)

BODIES: dict[tuple[str, str], type[msgspec.Struct]] = {
    ("POST", "/auth/v1/register"): NewLogin,
    ("POST", "/auth/v1/login"): NewLogin,
    ("POST", "/auth/v1/refresh"): Refresh,
    ("POST", "/auth/v1/logout"): Logout,
    ("POST", "/auth/v1/password"): NewPassword,
    ("POST", "/auth/v1/keys"): NewOwnKey,
    ("POST", "/admin/v1/markets"): NewMarket,
    ("PUT", "/admin/v1/markets/{symbol}"): MarketChange,
    ("POST", "/admin/v1/accounts"): NewAccount,
    ("PUT", "/admin/v1/accounts/{account}/login"): NewLogin,
    ("POST", "/admin/v1/accounts/{account}/keys"): NewKey,
    ("POST", "/admin/v1/accounts/{account}/deposits"): NewDeposit,
    ("PUT", "/admin/v1/accounts/{account}/status"): NewStatus,
    ("PUT", "/admin/v1/accounts/{account}/fees"): NewFees,
    ("POST", "/admin/v1/accounts/{account}/withdrawals"): NewWithdrawal,
    ("PUT", "/admin/v1/accounts/{account}/withdrawals/{reference}"): Decision,
}


@pytest.mark.parametrize(("route", "kind"), BODIES.items())
def test_what_the_documentation_sends_would_be_taken(
    route: tuple[str, str], kind: type[msgspec.Struct]
) -> None:
    assert msgspec.convert(EXAMPLES[route].sent, kind)


def test_every_body_that_is_documented_is_checked() -> None:
    assert set(BODIES) == {route for route, example in EXAMPLES.items() if example.sent}


MARKET = {"symbol": "BTCUSDT", "base": "BTC", "quote": "USDT", "tick": "0.01", "lot": "0.00001"}


@pytest.mark.parametrize("name", ["a", "0", "a-b_c", "a" * 32])
@pytest.mark.parametrize("reference", ["", "wire 7", "~" * 64])
def test_a_ledger_takes_whatever_name_and_reference_is_let_through(
    name: str, reference: str
) -> None:
    account = AccountId(msgspec.convert({"account": name}, NewAccount).account)
    wanted = msgspec.convert({"asset": "A" * 12, "amount": "1", "reference": reference}, NewDeposit)
    commands: list[AccountCommand] = [
        OpenAccount(account),
        Deposit(account, Asset(wanted.asset), Units(1), wanted.reference),
    ]
    ledger = LedgerPartition(0, 1)
    assert ledger.apply(0, 0, encode_frame(Frame(1, "", Sequence(0), commands)))


@pytest.mark.parametrize("name", ["", "A", "-a", "a b", "a" * 33, "ä", "a\n", "a\x00"])
def test_a_name_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"account": name}, NewAccount)


@pytest.mark.parametrize("reference", ["\n", "ä", "x" * 65, "a\n"])
def test_a_reference_is_plain_text(reference: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"asset": "A", "amount": "1", "reference": reference}, NewDeposit)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"quote": "BTC"}, "same asset"),
        ({"tick": "0"}, "tick must be above zero"),
        ({"lot": "0"}, "lot must be above zero"),
        ({"tick": "0.0001"}, "whole number of quote units"),
        ({"tick": "one"}, "not a decimal"),
        ({"lot": "0.000000001"}, "more than 8 decimals"),
        ({"min_notional": "-1"}, "not a decimal"),
    ],
)
def test_a_market_that_cannot_be_is_refused_with_the_reason(
    change: dict[str, str], why: str
) -> None:
    with pytest.raises(ApiError) as refused:
        market_config(msgspec.convert({**MARKET, **change}, NewMarket), 0)
    assert why in refused.value.msg


@pytest.mark.parametrize(
    "change",
    [
        {"symbol": "btcusdt"},
        {"symbol": "BTCUSDT\n"},
        {"base": ""},
        {"taker_fee_bps": 10_000},
        {"maker_fee_bps": -1},
        {"typo": 1},
    ],
)
def test_what_is_no_description_of_a_market_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({**MARKET, **change}, NewMarket)


def known(**fields: object) -> MarketRules:
    event = Market(
        market=MarketId("BTCUSDT"),
        seq=Sequence(7),
        time=Millis(0),
        status=MarketStatus.HALT,
        partition=3,
        base=Asset("BTC"),
        quote=Asset("USDT"),
        tick_size="0.01000000",
        lot_size="0.00001000",
        min_notional="1.00000000",
        maker_fee_bps=1,
        taker_fee_bps=2,
        protection_bps=500,
        reason="case 7",
        band_bps=700,
        band_ms=60_000,
    )
    return MarketRules.of(msgspec.structs.replace(event, **fields))


def test_a_change_of_a_market_leaves_the_rest_as_it_was() -> None:
    command = changed_market(known(), MarketChange(taker_fee_bps=9))
    assert (command.config.maker_fee_bps, command.config.taker_fee_bps) == (1, 9)
    assert (command.config.status, command.config.partition) == (MarketStatus.HALT, 3)
    assert (command.config.tick, command.config.min_notional) == (1_000_000, 100_000_000)
    assert command.terms == MarketTerms("case 7", 700, 60_000)


def test_a_reason_goes_with_its_status() -> None:
    opened = changed_market(known(), MarketChange(status=MarketStatus.TRADING))
    assert (opened.config.status, opened.terms.reason) == (MarketStatus.TRADING, "")
    told = changed_market(known(), MarketChange(reason="case 8"))
    assert (told.config.status, told.terms.reason) == (MarketStatus.HALT, "case 8")


def test_bounds_stay_until_they_are_changed() -> None:
    rules = known(min_price="1.00000000", max_notional="500.00000000")
    terms = changed_market(rules, MarketChange(max_price="9", max_notional="0")).terms
    assert (terms.min_price, terms.max_price, terms.max_notional) == (10**8, 9 * 10**8, 0)


@pytest.mark.parametrize(
    "change",
    [{"min_notional": "much"}, {"min_price": "2", "max_price": "1"}, {"max_quantity": "-1"}],
)
def test_a_change_that_cannot_be_is_refused(change: dict[str, str]) -> None:
    with pytest.raises(ApiError):
        changed_market(known(), msgspec.convert(change, MarketChange))
