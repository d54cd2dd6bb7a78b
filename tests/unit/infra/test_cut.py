"""Which part of the archives fits together, where they end at different places."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from infra.recover.cut import Counter, Cut, Limit, Path, consistent_cut

LEDGER, MARKET = "ledger:0", "matching:0"


def counter(*rises: tuple[int, int], before: int = 0) -> Counter:
    """Rises as (position since, number)."""
    made = Counter(before)
    for position, number in rises:
        made.rise(position, number)
    return made


def ledger(sent: Counter, taken: Counter, end: int, start: int = 0) -> Path:
    return Path(start, end, taken={MARKET: taken}, sent={MARKET: sent})


def market(taken: Counter, sent: Counter, end: int, start: int = 0) -> Path:
    return Path(start, end, taken={LEDGER: taken}, sent={LEDGER: sent})


def test_archives_that_fit_are_used_whole() -> None:
    cut = consistent_cut(
        {
            LEDGER: ledger(sent=counter((1, 1), (2, 2)), taken=counter((3, 1)), end=3),
            MARKET: market(taken=counter((1, 1), (2, 2)), sent=counter((2, 1)), end=2),
        }
    )
    assert cut == Cut({LEDGER: 3, MARKET: 2})


def test_a_market_ends_before_orders_that_its_ledger_has_not_sent() -> None:
    cut = consistent_cut(
        {
            LEDGER: ledger(sent=counter((1, 1)), taken=counter(), end=1),
            MARKET: market(taken=counter((1, 1), (2, 3), (5, 4)), sent=counter(), end=6),
        }
    )
    assert cut.ends == {LEDGER: 1, MARKET: 1}
    assert cut.limits == {MARKET: Limit(LEDGER, 1)}


def test_a_ledger_ends_before_settlements_that_its_market_has_not_sent() -> None:
    cut = consistent_cut(
        {
            LEDGER: ledger(sent=counter((1, 1)), taken=counter((4, 2)), end=9),
            MARKET: market(taken=counter((1, 1)), sent=counter((1, 1)), end=1),
        }
    )
    assert cut.ends == {LEDGER: 3, MARKET: 1}


def test_one_cut_leads_to_the_next() -> None:
    """The market loses an order that its ledger has not sent, the ledger what was settled of it."""
    cut = consistent_cut(
        {
            LEDGER: ledger(
                sent=counter((1, 1), (6, 2)), taken=counter((5, 1), (7, 2), (8, 3)), end=8
            ),
            MARKET: market(
                taken=counter((1, 1), (3, 2), (4, 3)), sent=counter((2, 1), (3, 2)), end=4
            ),
        }
    )
    assert cut.ends == {LEDGER: 7, MARKET: 3}
    assert not cut.too_young


def test_a_checkpoint_beyond_the_cut_is_too_young() -> None:
    cut = consistent_cut(
        {
            LEDGER: ledger(sent=counter((1, 1)), taken=counter(), end=1),
            MARKET: market(taken=counter(before=2), sent=counter(), end=9, start=5),
        }
    )
    assert cut.too_young == {MARKET}


def test_a_checkpoint_that_can_not_make_again_what_was_on_its_way_is_too_young() -> None:
    cut = consistent_cut(
        {
            LEDGER: ledger(sent=counter(before=7), taken=counter(), end=9, start=9),
            MARKET: market(taken=counter((1, 6)), sent=counter(), end=1),
        }
    )
    assert cut.ends == {LEDGER: 9, MARKET: 1}
    assert cut.too_young == {LEDGER}


rises = st.lists(
    st.tuples(st.integers(1, 3), st.integers(0, 3)), max_size=8
)  # steps of position and number


def path(steps: list[tuple[int, int]]) -> Counter:
    made, position, number = Counter(), 0, 0
    for step, rise in steps:
        position, number = position + step, number + rise
        made.rise(position, number)
    return made


@given(rises, rises, rises, rises)
def test_the_cut_is_consistent_and_no_larger_one_is(
    ledger_sent: list[tuple[int, int]],
    ledger_taken: list[tuple[int, int]],
    market_sent: list[tuple[int, int]],
    market_taken: list[tuple[int, int]],
) -> None:
    end = 25
    paths = {
        LEDGER: ledger(path(ledger_sent), path(ledger_taken), end),
        MARKET: market(path(market_taken), path(market_sent), end),
    }

    def fits(a: int, b: int) -> bool:
        return paths[MARKET].taken[LEDGER].at(b) <= paths[LEDGER].sent[MARKET].at(a) and (
            paths[LEDGER].taken[MARKET].at(a) <= paths[MARKET].sent[LEDGER].at(b)
        )

    cut = consistent_cut(paths)
    a, b = cut.ends[LEDGER], cut.ends[MARKET]
    assert fits(a, b)
    consistent = [(x, y) for x in range(end + 1) for y in range(end + 1) if fits(x, y)]
    assert (a, b) == (max(x for x, _ in consistent), max(y for _, y in consistent))
