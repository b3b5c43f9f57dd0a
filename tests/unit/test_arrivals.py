"""Arrivals: times fixed at the start, without drift, with the rate that was asked for."""

from __future__ import annotations

import itertools
import random
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakestorm.model.arrivals import ARRIVALS, poisson, regular


def first_of(kind: str, count: int, seed: int = 1, start_s: float = 0.0, period_s: float = 0.1) -> list[float]:
    """So many arrivals of a kind."""
    return list(itertools.islice(ARRIVALS[kind](start_s, period_s, random.Random(seed)), count))


@given(start_s=st.floats(0, 1e6), period_s=st.floats(1e-3, 1e3), seed=st.integers())
def test_regular_arrivals_begin_within_a_period(start_s: float, period_s: float, seed: int) -> None:
    """The first comes at a random part of a period after the start, and the next a period later."""
    first, second = itertools.islice(regular(start_s, period_s, random.Random(seed)), 2)
    assert start_s <= first <= start_s + period_s
    assert second - first == pytest.approx(period_s, rel=1e-6, abs=1e-9)


def test_regular_arrivals_do_not_drift() -> None:
    """After a million of them, 0.1 s apart, the time is the first + 100,000 s to the last bit, not a sum of errors."""
    arrivals = regular(0.0, 0.1, random.Random(1))
    first = next(arrivals)
    late = next(itertools.islice(arrivals, 999_999, None))
    assert late == first + 1_000_000 * 0.1
    drifting = first
    for _ in range(1_000_000):
        drifting += 0.1
    assert drifting != late  # the sum that is refused


def test_phases_differ_between_users() -> None:
    """Users of one start are spread over the period."""
    phases = sorted(first_of("regular", 1, seed=user)[0] for user in range(1000))
    assert phases[0] < 0.005
    assert phases[-1] > 0.095
    assert statistics.mean(phases) == pytest.approx(0.05, abs=0.005)


def test_poisson_gaps_are_exponential() -> None:
    """Mean and standard deviation of the gaps are the period, and 1/e of them are longer than it."""
    times = [0.0, *first_of("poisson", 40_000)]
    gaps = [b - a for a, b in itertools.pairwise(times)]
    assert min(gaps) >= 0
    assert statistics.mean(gaps) == pytest.approx(0.1, rel=0.03)
    assert statistics.pstdev(gaps) == pytest.approx(0.1, rel=0.04)
    assert sum(gap > 0.1 for gap in gaps) / 40_000 == pytest.approx(0.36788, abs=0.012)


@given(kind=st.sampled_from(sorted(ARRIVALS)), seed=st.integers(), start_s=st.floats(0, 1e6))
def test_times_never_go_back_and_repeat_with_the_seed(kind: str, seed: int, start_s: float) -> None:
    """Arrivals ascend from the start, and the same seed gives the same ones."""
    times = first_of(kind, 50, seed, start_s)
    assert times == first_of(kind, 50, seed, start_s)
    assert start_s <= times[0]
    assert times == sorted(times)


def test_poisson_survives_the_least_random_number() -> None:
    """random() may be 0, never 1: the gap is 0, and no logarithm of 0 is taken."""

    class Zero(random.Random):
        def random(self) -> float:
            return 0.0

    assert list(itertools.islice(poisson(5.0, 1.0, Zero()), 3)) == [5.0, 5.0, 5.0]
