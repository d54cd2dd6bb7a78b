"""Guessing is slow, and its memory bounded; nobody is kept out for long."""

from __future__ import annotations

from api.identity.attempts import Attempts


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_so_many_attempts_are_taken_and_then_none_until_the_window_ends() -> None:
    clock = Clock()
    attempts = Attempts(3, 60, clock=clock)
    assert [attempts.begin("eve") for _ in range(4)] == [0, 0, 0, 60]
    clock.now = 59.5
    assert attempts.begin("eve") == 1
    clock.now = 60
    assert attempts.begin("eve") == 0


def test_who_goes_on_trying_does_not_prolong_the_window() -> None:
    clock = Clock()
    attempts = Attempts(1, 60, clock=clock)
    attempts.begin("eve")
    for clock.now in range(60):
        assert attempts.begin("eve")
    clock.now = 60
    assert attempts.begin("eve") == 0


def test_names_are_counted_apart() -> None:
    attempts = Attempts(1, 60)
    attempts.begin("eve")
    assert attempts.begin("eve")
    assert attempts.begin("ann") == 0


def test_an_attempt_that_was_right_does_not_count() -> None:
    attempts = Attempts(2, 60)
    for _ in range(9):
        assert attempts.begin("ann") == 0
        attempts.forgive("ann")
    attempts.begin("ann")
    attempts.begin("ann")
    attempts.clear("ann")
    assert attempts.begin("ann") == 0


def test_a_flood_of_names_takes_bounded_memory() -> None:
    attempts = Attempts(1, 60, kept_max=100)
    for number in range(1000):
        attempts.begin(str(number))
    assert len(attempts._windows) <= 100
    assert attempts.begin("999")


def test_forgiving_what_is_not_known_changes_nothing() -> None:
    attempts = Attempts(1, 60)
    attempts.forgive("ann")
    attempts.clear("ann")
    assert attempts.begin("ann") == 0
    assert attempts.begin("ann")
