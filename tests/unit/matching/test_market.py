"""Who trades with whom, at which price, and what is left: the book before, a command, the book
after. Bids stand on the left, asks on the right, each queue from first to last."""

from __future__ import annotations

import pytest

from streams.messages import (
    MarketStatus,
    MarketTerms,
    OrderType,
    SelfTradePrevention,
    TimeInForce,
    Units,
)
from tests.unit.matching.floor import BUY, SELL, TICK_LOT, Floor, config, table

MAKER = OrderType.LIMIT_MAKER
IOC, FOK = TimeInForce.IOC, TimeInForce.FOK

LADDER = """
         | 103 | d5
         | 102 | c4
         | 101 | a2 b3
    x1   |  99 |
    y6   |  98 |
"""


class TestPriceTimePriority:
    def test_a_limit_order_that_does_not_cross_rests_behind_its_price(self) -> None:
        floor = Floor(LADDER)
        assert floor.place("e", SELL, 7, 101) == ["e accepted"]
        assert floor.book == table("""
                 | 103 | d5
                 | 102 | c4
                 | 101 | a2 b3 e7
            x1   |  99 |
            y6   |  98 |
        """)

    def test_the_best_price_trades_first_and_at_a_price_who_came_first(self) -> None:
        floor = Floor(LADDER)
        assert floor.place("e", BUY, 6, 102) == [
            "e accepted",
            "e takes 2 of a at 101",
            "e takes 3 of b at 101",
            "e takes 1 of c at 102",
        ]
        assert floor.book == table("""
                 | 103 | d5
                 | 102 | c3
            x1   |  99 |
            y6   |  98 |
        """)

    def test_what_does_not_cross_of_a_taker_rests_at_its_limit(self) -> None:
        floor = Floor(LADDER)
        assert floor.place("e", SELL, 9, 98) == [
            "e accepted",
            "e takes 1 of x at 99",
            "e takes 6 of y at 98",
        ]
        assert floor.book == table("""
                 | 103 | d5
                 | 102 | c4
                 | 101 | a2 b3
                 |  98 | e2
        """)

    def test_a_partly_filled_maker_keeps_its_place(self) -> None:
        floor = Floor("| 101 | a2 b3")
        floor.place("e", BUY, 1, 101)
        assert floor.place("f", BUY, 2, 101) == [
            "f accepted",
            "f takes 1 of a at 101",
            "f takes 1 of b at 101",
        ]


class TestImmediateOrders:
    def test_ioc_trades_what_it_can_and_never_rests(self) -> None:
        floor = Floor("| 101 | a2")
        assert floor.place("e", BUY, 5, 101, tif=IOC) == [
            "e accepted",
            "e takes 2 of a at 101",
            "e expired (immediate or cancel), 3 left",
        ]
        assert floor.book == []

    def test_fok_trades_wholly(self) -> None:
        floor = Floor(LADDER)
        assert floor.place("e", BUY, 9, 102, tif=FOK) == [
            "e accepted",
            "e takes 2 of a at 101",
            "e takes 3 of b at 101",
            "e takes 4 of c at 102",
        ]

    def test_fok_trades_nothing_where_a_lot_is_missing(self) -> None:
        floor = Floor(LADDER)
        assert floor.place("e", BUY, 10, 102, tif=FOK) == [
            "e accepted",
            "e expired (fill or kill), 10 left",
        ]
        assert floor.book == table(LADDER)

    def test_post_only_is_refused_where_it_would_take(self) -> None:
        floor = Floor(LADDER)
        assert floor.place("e", BUY, 1, 101, kind=MAKER) == ["e refused: would take"]
        assert floor.place("e", BUY, 1, 100, kind=MAKER) == ["e accepted"]


class TestMarketOrders:
    def test_by_quantity_takes_from_the_best_until_it_is_filled(self) -> None:
        floor = Floor(LADDER)
        assert floor.market_order("e", SELL, 3) == [
            "e accepted",
            "e takes 1 of x at 99",
            "e takes 2 of y at 98",
        ]

    def test_what_nobody_offers_expires(self) -> None:
        floor = Floor("| 101 | a2")
        assert floor.market_order("e", BUY, 3) == [
            "e accepted",
            "e takes 2 of a at 101",
            "e expired (no liquidity), 1 left",
        ]

    def test_the_worst_price_protects_it(self) -> None:
        floor = Floor(LADDER)
        assert floor.market_order("e", BUY, 9, price=101) == [
            "e accepted",
            "e takes 2 of a at 101",
            "e takes 3 of b at 101",
            "e expired (no liquidity), 4 left",
        ]

    def test_by_budget_buys_the_whole_lots_it_can_pay(self) -> None:
        floor = Floor(LADDER)
        budget = (5 * 101 + 2 * 102) * TICK_LOT + 7
        assert floor.market_order("e", BUY, budget=budget) == [
            "e accepted",
            "e takes 2 of a at 101",
            "e takes 3 of b at 101",
            "e takes 2 of c at 102",
            "e filled, 7 left",
        ]

    def test_by_budget_spent_to_the_last_unit_has_nothing_to_expire(self) -> None:
        floor = Floor("| 101 | a2")
        assert floor.market_order("e", BUY, budget=101 * TICK_LOT) == [
            "e accepted",
            "e takes 1 of a at 101",
        ]

    def test_by_budget_expires_where_the_book_is_empty_before_the_budget(self) -> None:
        floor = Floor("| 101 | a2")
        assert floor.market_order("e", BUY, budget=500 * TICK_LOT) == [
            "e accepted",
            "e takes 2 of a at 101",
            f"e expired (no liquidity), {298 * TICK_LOT} left",
        ]

    def test_by_budget_that_pays_for_no_lot_expires_whole(self) -> None:
        floor = Floor("| 101 | a2")
        assert floor.market_order("e", BUY, budget=9) == [
            "e accepted",
            "e expired (no liquidity), 9 left",
        ]

    def test_a_seller_by_budget_sells_no_more_than_it_holds(self) -> None:
        floor = Floor(LADDER)
        assert floor.market_order("e", SELL, budget=1_000_000, hold=3_000) == [
            "e accepted",
            "e takes 1 of x at 99",
            "e takes 2 of y at 98",
            f"e expired (no liquidity), {1_000_000 - (99 + 2 * 98) * TICK_LOT} left",
        ]

    def test_an_unprotected_buyer_pays_no_more_than_it_holds(self) -> None:
        floor = Floor(LADDER)
        assert floor.market_order("e", BUY, 9, hold=2 * 101 * TICK_LOT + 5) == [
            "e accepted",
            "e takes 2 of a at 101",
            "e expired (no liquidity), 7 left",
        ]


class TestCancel:
    @pytest.mark.parametrize("name", ["a", "b", "e"])
    def test_takes_an_order_out_wherever_it_stands(self, name: str) -> None:
        floor = Floor("| 101 | a2 b3 e4")
        assert floor.cancel(name) == [f"{name} cancelled"]
        left = " ".join(order for order in ("a2", "b3", "e4") if order[0] != name)
        assert floor.book == [("", "101", left)]

    def test_the_last_of_a_price_takes_the_price_with_it(self) -> None:
        floor = Floor(LADDER)
        floor.cancel("c")
        assert [price for _, price, _ in floor.book] == ["103", "101", "99", "98"]

    def test_only_its_owner_may(self) -> None:
        floor = Floor("| 101 | a2")
        assert floor.cancel("a", by="b") == ["a refused: unknown order"]
        assert floor.cancel("b") == ["b refused: unknown order"]
        assert floor.book == table("| 101 | a2")

    def test_after_a_neighbour_traded_away_finds_its_own_place(self) -> None:
        floor = Floor("| 101 | a1 b1 c1 d1")
        floor.place("e", BUY, 1, 101)
        floor.cancel("b")
        floor.cancel("d")
        assert floor.book == table("| 101 | c1")


class TestReplace:
    def test_loses_its_place_in_the_queue(self) -> None:
        floor = Floor("| 101 | a2 b3")
        assert floor.replace("a", 1, 101) == ["a replaced"]
        assert floor.book == table("| 101 | b3 a1")

    def test_trades_where_its_new_price_crosses(self) -> None:
        floor = Floor(LADDER)
        assert floor.replace("x", 4, 101) == [
            "x replaced",
            "x takes 2 of a at 101",
            "x takes 2 of b at 101",
        ]
        assert floor.cancel("x") == ["x refused: unknown order"]

    def test_its_quantity_is_what_is_open_afterwards(self) -> None:
        floor = Floor("| 101 | a9")
        floor.place("e", BUY, 4, 101)
        floor.replace("a", 6, 102)
        assert floor.book == table("| 102 | a6")

    def test_post_only_stays_as_it_was_where_it_would_take(self) -> None:
        floor = Floor("x1 | 99 |")
        floor.place("a", SELL, 2, 101, kind=MAKER)
        floor.place("b", SELL, 3, 101)
        assert floor.replace("a", 2, 99) == ["a refused: would take"]
        assert floor.book == table("""
               | 101 | a2 b3
            x1 |  99 |
        """)

    def test_needs_a_hold_for_what_it_asks(self) -> None:
        floor = Floor("x2 | 99 |")
        need = 2 * 100 * TICK_LOT
        missing = need - 2 * 99 * TICK_LOT
        assert floor.replace("x", 2, 100, hold=missing - 1) == ["x refused: hold too small"]
        assert floor.replace("x", 2, 100, hold=missing) == ["x replaced"]

    def test_only_its_owner_may(self) -> None:
        floor = Floor("| 101 | a2")
        assert floor.replace("a", 1, 101, by="b") == ["a refused: unknown order"]


class TestRefusals:
    @pytest.mark.parametrize(
        ("order", "reason"),
        [
            ({"quantity": 1, "price": 0}, "price filter"),
            ({"quantity": 1, "price": -1}, "price filter"),
            ({"quantity": 1, "price": 2**62}, "price filter"),
            ({"quantity": 0, "price": 100}, "lot size"),
            ({"quantity": 2**62, "price": 100}, "lot size"),
            ({"quantity": 10**15, "price": 10**12}, "amount out of range"),
            ({"quantity": 4, "price": 100}, "min notional"),
            ({"quantity": 5, "price": 100, "hold": 4_999}, "hold too small"),
            ({"quantity": 5, "price": 100, "budget": 1}, "invalid combination"),
            ({"quantity": 5, "price": 100, "kind": MAKER, "tif": IOC}, "invalid combination"),
            ({"quantity": 4, "price": 100, "kind": OrderType.MARKET}, "min notional"),
            ({"budget": 4_999, "kind": OrderType.MARKET}, "min notional"),
            ({"budget": 5_000, "hold": 4_999, "kind": OrderType.MARKET}, "hold too small"),
            ({"kind": OrderType.MARKET}, "lot size"),
            ({"quantity": 5, "budget": 5_000, "kind": OrderType.MARKET}, "invalid combination"),
            ({"quantity": 5, "kind": OrderType.MARKET, "tif": FOK}, "invalid combination"),
        ],
    )
    def test_a_bad_order_is_told_why(self, order: dict[str, int], reason: str) -> None:
        floor = Floor(min_notional=5_000)
        assert floor.place("e", BUY, **order) == [f"e refused: {reason}"]  # type: ignore[arg-type]

    @pytest.mark.parametrize(
        ("order", "reason"),
        [
            ({"quantity": 5, "price": 90}, None),
            ({"quantity": 5, "price": 89}, "price filter"),
            ({"quantity": 5, "price": 110}, None),
            ({"quantity": 5, "price": 111}, "price filter"),
            ({"quantity": 2, "price": 100}, None),
            ({"quantity": 1, "price": 100}, "lot size"),
            ({"quantity": 9, "price": 100}, None),
            ({"quantity": 10, "price": 90}, "lot size"),
            ({"quantity": 9, "price": 101}, "max notional"),
            ({"quantity": 6, "price": 100, "kind": OrderType.MARKET}, None),
            ({"quantity": 7, "price": 100, "kind": OrderType.MARKET}, "market lot size"),
            ({"quantity": 1, "price": 100, "kind": OrderType.MARKET}, "lot size"),
            # Its price is how far it may go: nobody has asked for it.
            ({"quantity": 5, "price": 120, "kind": OrderType.MARKET}, None),
            ({"budget": 900 * TICK_LOT + 1, "kind": OrderType.MARKET}, "max notional"),
        ],
    )
    def test_a_market_may_have_bounds_of_its_own(
        self, order: dict[str, int], reason: str | None
    ) -> None:
        floor = Floor()
        tick, lot = floor.market.config.tick, floor.market.config.lot
        floor.market.configure(
            floor.market.config,
            MarketTerms(
                min_price=Units(90 * tick - 1),
                max_price=Units(110 * tick),
                min_quantity=Units(2 * lot),
                max_quantity=Units(10 * lot - 1),
                max_market_quantity=Units(6 * lot),
                max_notional=Units(900 * TICK_LOT),
            ),
        )
        (first, *_) = floor.place("e", BUY, **order)  # type: ignore[arg-type]
        assert first == ("e accepted" if reason is None else f"e refused: {reason}")

    def test_what_rests_outside_new_bounds_stays_and_trades(self) -> None:
        floor = Floor("| 101 | a2")
        tick = floor.market.config.tick
        floor.market.configure(floor.market.config, MarketTerms(max_price=Units(100 * tick)))
        assert floor.amend("a", 1) == ["a refused: price filter"]
        assert floor.place("e", BUY, 2, 100) == ["e accepted"]
        assert floor.cancel("a") == ["a cancelled"]

    def test_a_seller_must_hold_what_it_sells(self) -> None:
        floor = Floor()
        assert floor.place("e", SELL, 5, 100, hold=4_999) == ["e refused: hold too small"]
        assert floor.place("e", SELL, 5, 100, hold=5_000) == ["e accepted"]

    def test_a_living_orders_id_is_taken_and_a_dead_ones_is_free(self) -> None:
        floor = Floor("| 101 | a2")
        assert floor.place("a", BUY, 1, 90) == ["a refused: duplicate order id"]
        floor.cancel("a")
        assert floor.place("a", BUY, 1, 90) == ["a accepted"]

    @pytest.mark.parametrize(
        "status", [MarketStatus.HALT, MarketStatus.BREAK, MarketStatus.CANCEL_ONLY]
    )
    def test_a_market_that_does_not_trade_takes_cancels_at_most(self, status: MarketStatus) -> None:
        floor = Floor("| 101 | a2 b3")
        floor.market.configure(config(status=status))
        assert floor.place("e", BUY, 1, 101) == ["e refused: market closed"]
        assert floor.replace("a", 1, 101) == ["a refused: market closed"]
        breaks = status is MarketStatus.BREAK
        assert floor.cancel("a") == ["a refused: market closed" if breaks else "a cancelled"]


class TestNames:
    def test_events_are_numbered_without_a_gap_and_refusals_not_at_all(self) -> None:
        floor = Floor("| 101 | a2 b3")
        assert floor.market.seq == 2
        floor.place("e", BUY, 3, 101)
        assert (floor.market.seq, floor.market.trade_id) == (5, 2)
        floor.cancel("z")
        assert floor.market.seq == 5
        floor.cancel("b")
        assert floor.market.seq == 6


class TestAmending:
    def test_an_amended_order_keeps_its_place(self) -> None:
        floor = Floor("| 101 | a5 b3")
        assert floor.amend("a", 4) == ["a amended to 4"]
        assert floor.book == table("| 101 | a4 b3")
        assert floor.place("e", BUY, 5, 101) == [
            "e accepted",
            "e takes 4 of a at 101",
            "e takes 1 of b at 101",
        ]

    def test_the_new_quantity_is_that_of_the_whole_order(self) -> None:
        floor = Floor("| 101 | a5")
        floor.place("e", BUY, 2, 101)
        assert floor.amend("a", 2) == ["a refused: quantity executed already"]
        assert floor.amend("a", 3) == ["a amended to 3"]
        assert floor.book == table("| 101 | a1")

    @pytest.mark.parametrize(
        ("quantity", "reason"),
        [
            (5, "nothing changes"),
            (6, "quantity increased"),
            (0, "lot size"),
            (-1, "lot size"),
            (1, "min notional"),
        ],
    )
    def test_what_is_refused_changes_nothing(self, quantity: int, reason: str) -> None:
        floor = Floor("| 101 | a5", min_notional=2 * 101 * TICK_LOT)
        assert floor.amend("a", quantity) == [f"a refused: {reason}"]
        assert floor.book == table("| 101 | a5")

    def test_only_its_owner_amends_an_order_and_only_while_it_rests(self) -> None:
        floor = Floor("| 101 | a5")
        assert floor.amend("a", 4, by="b") == ["a refused: unknown order"]
        assert floor.amend("x", 4) == ["x refused: unknown order"]

    def test_an_order_is_amended_ten_times_at_most(self) -> None:
        floor = Floor("| 101 | a20")
        for quantity in range(19, 9, -1):
            assert floor.amend("a", quantity) == [f"a amended to {quantity}"]
        assert floor.amend("a", 5) == ["a refused: too many amendments"]

    def test_a_market_that_does_not_trade_amends_nothing(self) -> None:
        floor = Floor("| 101 | a5")
        floor.market.configure(config(status=MarketStatus.HALT))
        assert floor.amend("a", 4) == ["a refused: market closed"]


NONE, EXPIRE_TAKER = SelfTradePrevention.NONE, SelfTradePrevention.EXPIRE_TAKER
EXPIRE_MAKER, EXPIRE_BOTH = SelfTradePrevention.EXPIRE_MAKER, SelfTradePrevention.EXPIRE_BOTH
DECREMENT = SelfTradePrevention.DECREMENT


class TestSelfTradePrevention:
    """Order `e` is of b's account and comes upon a, then b, then c."""

    LADDER = """
             | 102 | c4
             | 101 | a2 b3
    """

    def test_without_it_an_account_trades_with_itself(self) -> None:
        floor = Floor(self.LADDER)
        assert floor.place("e", BUY, 3, 102, by="b", mode=NONE) == [
            "e accepted",
            "e takes 2 of a at 101",
            "e takes 1 of b at 101",
        ]

    def test_expire_taker_ends_it_where_it_meets_its_own(self) -> None:
        floor = Floor(self.LADDER)
        assert floor.place("e", BUY, 9, 102, by="b", mode=EXPIRE_TAKER) == [
            "e accepted",
            "e takes 2 of a at 101",
            "e meets b: 7 and 0 prevented, e ended",
        ]
        assert floor.book == table("""
                 | 102 | c4
                 | 101 | b3
        """)

    def test_expire_maker_clears_its_way(self) -> None:
        floor = Floor(self.LADDER)
        assert floor.place("e", BUY, 9, 102, by="b", mode=EXPIRE_MAKER) == [
            "e accepted",
            "e takes 2 of a at 101",
            "e meets b: 0 and 3 prevented, b ended",
            "e takes 4 of c at 102",
        ]
        assert floor.book == table("e3 | 102 |")

    def test_expire_both_ends_both(self) -> None:
        floor = Floor(self.LADDER)
        assert floor.place("e", BUY, 9, 102, by="b", mode=EXPIRE_BOTH) == [
            "e accepted",
            "e takes 2 of a at 101",
            "e meets b: 7 and 3 prevented, b ended, e ended",
        ]
        assert floor.book == table("| 102 | c4")

    def test_decrement_takes_the_same_off_both_and_ends_the_smaller(self) -> None:
        floor = Floor(self.LADDER)
        assert floor.place("e", BUY, 4, 102, by="b", mode=DECREMENT) == [
            "e accepted",
            "e takes 2 of a at 101",
            "e meets b: 2 and 2 prevented, e ended",
        ]
        assert floor.book == table("""
                 | 102 | c4
                 | 101 | b1
        """)
        assert floor.place("f", BUY, 3, 102, by="b", mode=DECREMENT) == [
            "f accepted",
            "f meets b: 1 and 1 prevented, b ended",
            "f takes 2 of c at 102",
        ]

    def test_orders_in_front_of_its_own_are_all_it_needs(self) -> None:
        floor = Floor(self.LADDER)
        assert floor.place("e", BUY, 2, 102, by="b", mode=EXPIRE_BOTH) == [
            "e accepted",
            "e takes 2 of a at 101",
        ]

    @pytest.mark.parametrize("mode", [EXPIRE_TAKER, EXPIRE_BOTH, DECREMENT])
    def test_a_fok_order_in_whose_way_its_own_stand_expires_and_prevents_nothing(
        self, mode: SelfTradePrevention
    ) -> None:
        floor = Floor(self.LADDER)
        assert floor.place("e", BUY, 3, 102, tif=FOK, by="b", mode=mode) == [
            "e accepted",
            "e expired (fill or kill), 3 left",
        ]
        assert floor.book == table(self.LADDER)

    def test_a_fok_order_clears_its_way_if_others_fill_it(self) -> None:
        floor = Floor(self.LADDER)
        assert floor.place("e", BUY, 7, 102, tif=FOK, by="b", mode=EXPIRE_MAKER) == [
            "e accepted",
            "e expired (fill or kill), 7 left",
        ]
        assert floor.place("e", BUY, 6, 102, tif=FOK, by="b", mode=EXPIRE_MAKER) == [
            "e accepted",
            "e takes 2 of a at 101",
            "e meets b: 0 and 3 prevented, b ended",
            "e takes 4 of c at 102",
        ]

    def test_a_market_order_that_met_only_its_own_expires(self) -> None:
        floor = Floor("| 101 | b3")
        assert floor.market_order("e", BUY, 1, by="b", mode=EXPIRE_MAKER) == [
            "e accepted",
            "e meets b: 0 and 3 prevented, b ended",
            "e expired (no liquidity), 1 left",
        ]

    def test_a_budget_is_decremented_by_what_the_match_would_have_cost(self) -> None:
        floor = Floor(self.LADDER)
        budget = (2 * 101 + 3 * 101 + 1 * 102) * TICK_LOT
        assert floor.market_order("e", BUY, budget=budget, by="b", mode=DECREMENT) == [
            "e accepted",
            "e takes 2 of a at 101",
            "e meets b: 3 and 3 prevented, b ended",
            "e takes 1 of c at 102",
            f"e expired (self trade), {3 * 101 * TICK_LOT} left",
        ]

    def test_of_a_budget_is_prevented_all_that_it_would_pay_for_there(self) -> None:
        """Found by `test_matching` against a naive market that took the maker's lots."""
        floor = Floor("| 111 | b1")
        budget = 3 * 111 * TICK_LOT
        assert floor.market_order("e", BUY, budget=budget, by="b", mode=EXPIRE_TAKER) == [
            "e accepted",
            "e meets b: 3 and 0 prevented, e ended",
        ]

    def test_what_was_prevented_counts_in_an_amendment(self) -> None:
        floor = Floor("| 101 | b9")
        floor.place("e", BUY, 3, 101, by="b", mode=DECREMENT)
        assert floor.amend("b", 3) == ["b refused: quantity executed already"]
        assert floor.amend("b", 5) == ["b amended to 2"]
        assert floor.book == table("| 101 | b2")
