"""Every second has one row, whatever the clock and the machine do."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sysload.seconds import LONGEST_GAP_S, seconds_due, wait_s


@pytest.mark.parametrize(
    ("last", "wall", "over", "due"),
    [
        (100, 102.0, 1.0, [101]),
        (100, 101.98, 0.99, [101]),  # woken a little early
        (100, 102.7, 1.7, [101]),  # woken late, within the next second
        (100, 104.2, 3.2, [101, 102, 103]),  # three seconds stalled: each has its row
        (100, 3703.0, 1.0, [3702]),  # the clock stepped forward: nothing was in between
        (100, 122.0, 1.0, [121]),
        (100, 124.0, 3.0, [121, 122, 123]),  # stepped and stalled: only what was stalled
        (100, 1.0, 1.0, [101]),  # it stepped back: seconds go on rising
        (100, 5.0, 3.0, [101]),
        (100, 1000.0, 899.0, [999]),  # the machine slept
        (100, 161.0, 60.0, [*range(101, 161)]),
    ],
)
def test_which_seconds_are_due(last: int, wall: float, over: float, due: list[int]) -> None:
    """Missed seconds have rows, clock steps make none twice."""
    assert list(seconds_due(last, wall, over)) == due


@given(steps=st.lists(st.tuples(st.floats(0.9, 100), st.floats(-5000, 5000)), min_size=1, max_size=40))
def test_no_second_comes_twice(steps: list[tuple[float, float]]) -> None:
    """Over any stalls and steps of the clock, seconds only rise and at least one is due each time."""
    last, wall, told = 999_999, 1_000_000.0, [999_999]
    for over_s, step_s in steps:
        wall += over_s + step_s
        due = list(seconds_due(last, wall, over_s))
        assert 1 <= len(due) <= LONGEST_GAP_S
        told += due
        last = due[-1]
    assert all(before < after for before, after in itertools.pairwise(told))


@given(late_s=st.lists(st.floats(0, 2.5), min_size=5, max_size=60))
def test_a_busy_machine_loses_no_second(late_s: list[float]) -> None:
    """Woken up to 2.5 s late each time, with an honest clock: every second has exactly one row."""
    last, wall, told = 999, 1000.0, []
    for late in late_s:
        before, wall = wall, wall + wait_s(wall) + late
        due = list(seconds_due(last, wall, wall - before))
        told += due
        last = due[-1]
    assert told == list(range(1000, told[-1] + 1))


@given(wall=st.floats(0, 4e9))
def test_the_wait_is_to_the_next_second(wall: float) -> None:
    """Never longer than a second, so a step of the clock cannot hold it up."""
    assert 0 < wait_s(wall) <= 1
