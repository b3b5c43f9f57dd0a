"""Rates and totals from counters that begin anew now and then."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakestorm.probes.counters import Rate, Total, increase

counts = st.integers(0, 2**50)


@pytest.mark.parametrize(
    ("looks", "wanted"),
    [
        # happy: the first look compares with nothing; then the mean rate between two looks
        ([(0.0, 5)], [None]),
        ([(0.0, 5), (1.0, 15), (3.0, 15), (3.5, 20)], [None, 10.0, 0.0, 10.0]),
        # begins anew: what it shows came since
        ([(0.0, 1000), (1.0, 30), (2.0, 50)], [None, 30.0, 20.0]),
        ([(0.0, 1000), (1.0, 0)], [None, 0.0]),
        # sad: two looks at one moment
        ([(1.0, 5), (1.0, 9), (2.0, 10)], [None, None, 1.0]),
    ],
)
def test_a_rate_is_the_growth_between_two_looks(looks: list[tuple[float, float]], wanted: list[float | None]) -> None:
    """Per second of the time that really passed; nothing at first."""
    rate = Rate()
    assert [rate.per_s(*look) for look in looks] == wanted


def test_a_position_that_was_set_back_has_no_rate_once() -> None:
    """A log position of another server is no count from zero."""
    rate = Rate(from_zero=False)
    assert [rate.per_s(*look) for look in [(0.0, 1000), (1.0, 400), (2.0, 450)]] == [None, None, 50.0]


@given(st.lists(st.tuples(st.floats(0.01, 100), counts), min_size=2, max_size=30))
def test_no_rate_is_negative(steps: list[tuple[float, int]]) -> None:
    """Whatever a counter does, it counts up."""
    rate, at = Rate(), 0.0
    for after_s, count in steps:
        at += after_s
        per_s = rate.per_s(at, count)
        assert per_s is None or per_s >= 0


@given(counts, st.lists(st.integers(0, 1000), max_size=30))
def test_a_total_is_what_was_counted_since_the_first_look(first: int, grown: list[int]) -> None:
    """Without a new beginning: the last count less the first."""
    total = Total()
    shown = [total.since_start(count) for count in itertools.accumulate(grown, initial=first)]
    assert shown == [float(count - first) for count in itertools.accumulate(grown, initial=first)]


@given(st.lists(counts, min_size=1, max_size=30))
def test_a_total_never_falls(looks: list[int]) -> None:
    """Across new beginnings it goes on."""
    total = Total()
    shown = [total.since_start(count) for count in looks]
    assert shown[0] == 0.0
    assert all(later >= earlier for earlier, later in itertools.pairwise(shown))


def test_a_total_goes_on_after_a_new_beginning() -> None:
    """5 more, then a restart and 3 since."""
    total = Total()
    assert [total.since_start(count) for count in (100, 105, 3, 4)] == [0.0, 5.0, 8.0, 9.0]
    assert increase(7, 7) == 0
