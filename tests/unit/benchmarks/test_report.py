"""What a bench tells: ratios, aims, and the change since another run."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.benchmarks.page import PAGE, page
from tests.benchmarks.report import Aim, Bench, case, compare, percentile, read, write


def bench(**values: float) -> Bench:
    cases = [case(name, value, "ms", limit=2.0) for name, value in values.items()]
    return Bench("latency", "closed loop, one client", {"cores": "2"}, cases)


@pytest.mark.parametrize(
    ("aim", "value", "limit", "met"),
    [
        (Aim(at_least=300), 300, None, True),
        (Aim(at_least=300), 299, None, False),
        (Aim(at_most=50), 51, None, False),
        (Aim(ratio_at_least=0.4), 40, 100, True),
        (Aim(ratio_at_most=3), 31, 10, False),
        (Aim(at_least=300, ratio_at_least=0.4), 310, 1000, False),
        (Aim(ratio_at_least=0.4), 40, None, False),
    ],
)
def test_an_aim_is_met_when_all_of_its_bounds_hold(
    aim: Aim, value: float, limit: float | None, met: bool
) -> None:
    assert case("a", value, "orders/s", limit=limit, aim=aim).met is met


def test_an_aim_reads_as_its_bounds() -> None:
    assert str(Aim(at_least=300_000, ratio_at_least=0.4)) == "≥ 300,000, ≥ 0.4 of limit"


def test_a_figure_without_an_aim_is_neither_met_nor_missed() -> None:
    assert case("p99", 1.0, "ms").met is None


def test_percentiles_are_values_that_were_measured() -> None:
    values = [float(value) for value in range(1, 101)]
    assert percentile(values, 50) == 50
    assert percentile(values, 99.9) == 100
    assert percentile([7.0], 99) == 7


def test_a_comparison_is_of_ratios_so_that_another_machine_may_have_taken_the_other() -> None:
    before = Bench("latency", "", {}, [case("p50", 10.0, "ms", limit=10.0)])
    [(_, change), (_, unknown)] = compare(bench(p50=4.0, p99=9.0), before)
    assert change == 2.0
    assert unknown is None


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    found = bench(p50=4.0)
    write(found, tmp_path / "latency.json")
    assert read(tmp_path / "latency.json") == found


def test_the_page_of_results_is_what_the_results_say() -> None:
    assert PAGE.read_text() == page(), "make it anew: python -m tests.benchmarks.page"
