"""Where a load is level, and slopes over such stretches."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakestorm.verdict.plateaus import (
    LEAST_S,
    SHARE,
    Plateau,
    level_stretches,
    longest_level,
    plateaus,
    slope,
    slopes_of,
    student_quantile,
)


def steps(*levels: tuple[int, float]) -> list[float]:
    """A load as (seconds, rate) one after the other."""
    return [rate for seconds, rate in levels for _ in range(seconds)]


@pytest.mark.parametrize(
    ("load", "wanted"),
    [
        # happy: level all the time; two levels; level after a ramp
        (steps((60, 500)), [(0, 60)]),
        (steps((30, 100), (40, 1000)), [(0, 28), (32, 70)]),
        ([*range(0, 1000, 50), *steps((40, 1000))], [(18, 60)]),
        # sad: nothing, silence, too short, a ramp without a level
        ([], []),
        (steps((100, 0)), []),
        (steps((19, 500)), []),
        (steps((20, 500)), [(0, 20)]),
        (list(range(0, 6000, 100)), []),
    ],
)
def test_a_plateau_is_a_level_stretch(load: list[float], wanted: list[tuple[int, int]]) -> None:
    """At least 20 s within ±10 %, give or take the seconds over which a rate is averaged."""
    found = [(plateau.from_s, plateau.to_s) for plateau in plateaus(load)]
    assert len(found) == len(wanted)
    for (start, end), (wanted_start, wanted_end) in zip(found, wanted, strict=True):
        assert abs(start - wanted_start) <= 2
        assert abs(end - wanted_end) <= 2


def test_a_plateau_has_its_mean_rate() -> None:
    """Of the stretch, not of the run."""
    (low, high) = plateaus(steps((30, 100), (40, 1000)))
    assert low.offered_per_s == pytest.approx(100, rel=0.05)
    assert high.offered_per_s == pytest.approx(1000, rel=0.05)


def test_nothing_before_the_warm_up_counts() -> None:
    """A plateau begins at its end at the earliest, in seconds of the run."""
    assert [(p.from_s, p.to_s) for p in plateaus(steps((60, 500)), warmup_s=25.5)] == [(26, 60)]
    assert plateaus(steps((60, 500)), warmup_s=45) == []


@pytest.mark.parametrize("seed", range(5))
def test_poisson_arrivals_of_a_steady_load_are_a_plateau(seed: int) -> None:
    """100 a second scatter by 10 % from second to second; most of a minute of them is still one level stretch."""
    found = plateaus(np.random.default_rng(seed).poisson(100, 60))
    assert found
    assert max(plateau.to_s - plateau.from_s for plateau in found) >= 30


@given(st.lists(st.sampled_from([0.0, 10.0, 100.0, 105.0, 110.0, 500.0, 505.0]), max_size=200))
def test_stretches_are_level_long_and_apart(rates: list[float]) -> None:
    """Whatever the load: none overlaps, each lasts, and in each the highest is within the ratio of the lowest."""
    found = level_stretches(np.array(rates))
    assert all(end <= start for (_, end), (start, _) in itertools.pairwise(found))
    for start, end in found:
        within = rates[start:end]
        assert end - start >= LEAST_S
        assert min(within) > 0
        assert max(within) / min(within) <= (1 + SHARE) / (1 - SHARE)


@given(st.lists(st.floats(0, 10), max_size=40))
def test_the_longest_level_is_the_longest(rates: list[float]) -> None:
    """As trying every stretch finds it."""
    start, end = longest_level(np.array(rates))
    fits = [
        b - a
        for a in range(len(rates))
        for b in range(a + 1, len(rates) + 1)
        if min(rates[a:b]) > 0 and max(rates[a:b]) <= min(rates[a:b]) * (1 + SHARE) / (1 - SHARE)
    ]
    assert end - start == max(fits, default=0)


@given(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6), st.integers(3, 100))
def test_a_line_has_its_slope(per_s: float, start: float, count: int) -> None:
    """Exactly, but for rounding, and the interval closes on it."""
    seconds = np.arange(count, dtype=float)
    found = slope(seconds, start + per_s * seconds)
    assert found is not None
    assert found.per_s == pytest.approx(per_s, abs=1e-6)


@pytest.mark.parametrize(("seconds", "values"), [([], []), ([1], [5]), ([1, 2], [5, 6]), ([3, 3, 3], [1, 2, 3])])
def test_too_little_has_no_slope(seconds: list[float], values: list[float]) -> None:
    """Nothing, a point, two points, one moment."""
    assert slope(np.array(seconds, dtype=float), np.array(values, dtype=float)) is None


def test_noise_around_a_level_is_no_growth_nineteen_times_of_twenty() -> None:
    """The 95 % interval holds the true slope about as often as it says."""
    rng = np.random.default_rng(1)
    seconds = np.arange(40.0)
    slopes = [slope(seconds, 2.0 * seconds + rng.normal(0, 30, 40)) for _ in range(400)]
    holds = [s for s in slopes if s is not None and s.low is not None and s.high is not None and s.low <= 2.0 <= s.high]
    assert 360 <= len(holds) <= 398


def test_a_lag_that_drifts_has_a_wider_interval_than_one_that_jumps_about() -> None:
    """Neighbours that resemble each other tell less: the same values, sorted into runs, leave more doubt."""
    rng = np.random.default_rng(2)
    seconds = np.arange(60.0)
    noise = rng.normal(0, 10, 60)
    drifting = np.convolve(rng.normal(0, 10, 64), np.ones(5) / np.sqrt(5), mode="valid")
    independent, resembling = slope(seconds, noise), slope(seconds, drifting)
    assert independent is not None
    assert resembling is not None
    assert independent.high is not None
    assert resembling.high is not None
    assert resembling.high - resembling.per_s > 1.3 * (independent.high - independent.per_s)


@pytest.mark.parametrize(("freedom", "wanted"), [(3, 3.1824), (5, 2.5706), (10, 2.2281), (30, 2.0423), (1000, 1.9623)])
def test_student_s_quantile_is_that_of_the_tables(freedom: int, wanted: float) -> None:
    """97.5 %, to 0.2 %."""
    assert student_quantile(0.975, freedom) == pytest.approx(wanted, rel=2e-3)


def test_slopes_are_those_of_readings_within_a_plateau() -> None:
    """What was read before and after it does not count."""
    seconds = np.arange(100.0)
    values = np.concatenate([np.full(40, 7.0), 7.0 + 3.0 * np.arange(30.0), np.full(30, 1e6)])
    level = [Plateau(0, 40, 10.0), Plateau(40, 70, 20.0), Plateau(98, 100, 1.0)]
    found = [(plateau.from_s, round(slope.per_s, 6)) for plateau, slope in slopes_of(seconds, values, level)]
    assert found == [(0, 0.0), (40, 3.0)]
