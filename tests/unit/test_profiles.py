"""Profiles and plans: functions into [0, 1], and the users that they make of a peak and a run time."""

from __future__ import annotations

import itertools
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakestorm.errors import UsageError
from lakestorm.model.curves import Decay, Hill, Hills, Waves
from lakestorm.model.plan import Plan
from lakestorm.model.profiles import Line, Phases, Profile, Steady, Steps
from lakestorm.model.recording import Recording

NAN = math.nan
STAIRS = Steps(((0, 0.2), (0.5, 1.0)))
TENT = Line(((0, 0), (0.25, 1), (1, 0)))

parts = st.floats(0, 1)
sizes = st.floats(0.01, 10)


def rising(least: int, scale: float = 1.0) -> st.SearchStrategy[list[float]]:
    """Rising numbers from 0 to `scale`, none nearer to the next than a hundredth of it."""
    hundredths = st.lists(st.integers(1, 99), min_size=least, max_size=20, unique=True)
    return hundredths.map(lambda found: [scale * i / 100 for i in sorted({0, *found, 100})])


def with_parts(xs: list[float]) -> st.SearchStrategy[list[tuple[float, float]]]:
    """(x, y) for each x."""
    return st.lists(parts, min_size=len(xs), max_size=len(xs)).map(lambda ys: list(zip(xs, ys, strict=True)))


lines = rising(0).flatmap(with_parts).map(Line)
steps = rising(0).flatmap(lambda xs: with_parts(xs[:-1])).map(Steps)
hills = st.tuples(st.floats(0, 0.5), st.lists(st.builds(Hill, parts, st.floats(0.5, 1), sizes), min_size=1)).map(
    lambda found: Hills(*found)
)
waves = st.tuples(parts, parts, st.floats(0.1, 50)).map(lambda f: Waves(min(f[:2]), max(f[:2]), f[2]))
recordings = (
    rising(0, 3600.0)
    .flatmap(with_parts)
    .filter(lambda rows: any(users > 0 for _, users in rows))
    .map(lambda rows: Recording([(second, 1000 * users) for second, users in rows]))
)
plain = st.one_of(
    st.builds(Steady, parts), lines, steps, hills, st.builds(Decay, parts, parts, sizes), waves, recordings
)
phases = st.tuples(st.floats(0.1, 0.9), plain, plain).map(lambda f: Phases(((f[0], f[1]), (1, f[2]))))
profiles = st.one_of(plain, phases)


@pytest.mark.parametrize(
    ("profile", "x", "y"),
    [
        (Steady(), 0.3, 1),
        (Steady(0.4), 1, 0.4),
        (TENT, 0, 0),
        (TENT, 0.125, 0.5),
        (TENT, 0.25, 1),
        (TENT, 0.625, 0.5),
        (TENT, 1, 0),
        (TENT, -3, 0),
        (STAIRS, 0, 0.2),
        (STAIRS, 0.4999, 0.2),
        (STAIRS, 0.5, 1),
        (STAIRS, 7, 1),
        (Hills(0.1, [Hill(0.5, 0.9, 0.2)]), 0.5, 0.9),
        (Hills(0.1, [Hill(0.5, 0.9, 0.2)]), 0.6, 0.5),
        (Hills(0.1, [Hill(0.5, 0.9, 0.2)]), 0.7, 0.1),
        (Hills(0.1, [Hill(0.5, 0.9, 0.2), Hill(0.6, 1, 0.2)]), 0.6, 1),
        (Decay(1, 0, 0.25), 0.25, 0.5),
        (Decay(1, 0.2, 0.25), 0.5, 0.4),
        (Waves(0.2, 1, 3), 0, 0.2),
        (Waves(0.2, 1, 3), 1 / 6, 1),
        (Waves(0.2, 1, 3), 1 / 12, 0.6),
        (Waves(0.2, 1, 3), 1, 0.2),
        (Phases(((0.5, TENT), (1, Steady(0.3)))), 0.125, 1),
        (Phases(((0.5, TENT), (1, Steady(0.3)))), 0.5, 0.3),
        (Phases(((0.5, Steady(0.3)), (1, TENT))), 1, 0),
        (Recording([(100, 5), (110, 20), (120, 10)]), 0, 0.25),
        (Recording([(100, 5), (110, 20), (120, 10)]), 0.5, 1),
        (Recording([(100, 5), (110, 20), (120, 10)]), 0.75, 0.75),
        (Recording([(100, 5), (110, 20), (120, 10)]), 1, 0.5),
    ],
)
def test_values(profile: Profile, x: float, y: float) -> None:
    """Each profile is its formula."""
    assert profile(x) == pytest.approx(y, abs=1e-12)


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: Steady(1.1), ["level is 1.1"]),
        (lambda: Steady(NAN), ["level is nan"]),
        (lambda: Line([]), ["x of the points is []"]),
        (lambda: Line([(0, 0)]), ["x of the points is [0]"]),
        (
            lambda: Line([(0, -1), (0.5, 0), (0.5, 2), (1, 0)]),
            ["y of point 1 is -1", "y of point 3 is 2", "rise from 0"],
        ),
        (lambda: Line([(0.1, 0), (1, 0)]), ["rise from 0 to 1"]),
        (lambda: Line([(0, 0), (NAN, 0), (1, 0)]), ["rise from 0 to 1"]),
        (lambda: Steps([]), ["begins are []"]),
        (lambda: Steps([(0, 0), (1, 3)]), ["level of stage 2 is 3", "stay below 1"]),
        (lambda: Hills(2, []), ["base is 2", "there is no hill"]),
        (lambda: Hills(0.5, [Hill(2, 0.4, 0)]), ["top of hill 1 is 2", "width of hill 1 is 0", "at least the base"]),
        (lambda: Decay(2, -1, 0), ["start is 2", "end is -1", "half_life is 0"]),
        (lambda: Waves(0.5, 0.2, NAN), ["at least low, 0.5", "count is nan"]),
        (lambda: Phases([]), ["ends are []"]),
        (lambda: Phases([(0.5, Steady())]), ["ends are [0.5]"]),
        (lambda: Phases([(0, Steady()), (1, Steady())]), ["rise from above 0 to 1"]),
        (lambda: Recording([(0, 1)]), ["at least two rows"]),
        (lambda: Recording([(0, 0), (math.inf, 0)]), ["rising seconds", "more than 0"]),
        (lambda: Recording([(0, -1), (1, 5)]), ["users ≥ 0"]),
    ],
)
def test_mistakes_are_told_at_once(make: Any, told: list[str]) -> None:
    """A profile that cannot be is refused when it is built, with all that is wrong in one message."""
    with pytest.raises(ValueError, match=r"wanted|no hill") as caught:
        make()
    assert all(sentence in str(caught.value) for sentence in told), str(caught.value)


@given(profile=profiles, x=st.floats(allow_nan=False))
def test_every_value_is_a_part_of_the_peak(profile: Profile, x: float) -> None:
    """Whatever the profile and the moment, the value lies in [0, 1]; outside of the run it is that of its end."""
    assert 0 <= profile(x) <= 1
    assert profile(x) == profile(min(1, max(0, x)))


class RoundedUp(Profile):
    """A formula whose last bit is too high at one end and too low at the other."""

    def value(self, x: float) -> float:
        """Beyond [0, 1] by a rounding error."""
        return math.nextafter(1, 2) if x else -1e-17


def test_rounding_errors_do_not_leave_the_range() -> None:
    """A formula that misses 0 or 1 by its last bit gives 0 or 1."""
    assert (RoundedUp()(0), RoundedUp()(1)) == (0, 1)


@given(profile=profiles, x=st.floats(0, 1 - 1e-6))
def test_continuous_profiles_do_not_jump(profile: Profile, x: float) -> None:
    """Where a profile says that it is continuous, a millionth of the run changes next to nothing."""
    if profile.is_continuous:
        assert abs(profile(x + 1e-6) - profile(x)) < 2e-3


@given(profile=steps)
def test_steps_jump_where_they_say_so(profile: Steps) -> None:
    """Steps are continuous exactly if no stage differs from the one before it."""
    jumps = [profile(begin) != profile(begin - 1e-9) for begin, _ in profile.stages[1:]]
    assert profile.is_continuous is not any(jumps)


@pytest.mark.parametrize(
    ("before", "after", "is_continuous"),
    [(Steady(0.5), Decay(0.5, 0, 1), True), (Steady(0.4), Decay(0.5, 0, 1), False), (STAIRS, Steady(1), False)],
)
def test_phases_jump_at_their_joints(before: Profile, after: Profile, *, is_continuous: bool) -> None:
    """Phases are continuous if their parts are, and meet."""
    assert Phases(((0.5, before), (1, after))).is_continuous is is_continuous


@pytest.mark.parametrize(
    ("profile", "shortest_s"),
    [
        (Steady(), 2),
        (Decay(1, 0, 0.01), 2),
        (STAIRS, 4),
        (Steps(((0, 0), (0.2, 0), (0.4, 0), (0.6, 0), (0.8, 1))), 10),
        (Waves(0, 1, 3), 12),
        (Hills(0, [Hill(0.3, 1, 0.2), Hill(0.7, 1, 0.1)]), 20),
        (Line(((0, 0), (0.05, 1), (0.95, 1), (1, 0))), 3),
        (Line(((0, 0), (0.1, 1), (0.2, 0), (1, 0))), 20),
        (Phases(((0.5, STAIRS), (1, Steady()))), 8),
        (Recording([(i, i % 7) for i in range(1000)]), 2),
    ],
)
def test_shortest_runs(profile: Profile, shortest_s: int) -> None:
    """A run gives its shortest level, hill or dip two seconds; rises and falls between them need none."""
    assert plan_of(profile, 10, 1e6).shortest_run_s == shortest_s


def plan_of(profile: Profile, peak_users: int, run_time_s: float, doors_open: float | None = None) -> Plan:
    """A plan with a name."""
    return Plan(name="S", profile=profile, peak_users=peak_users, run_time_s=run_time_s, doors_open=doors_open)


@given(profile=steps, phase_s=st.floats(0, 1.99))
def test_no_stage_passes_unseen(profile: Steps, phase_s: float) -> None:
    """In the shortest run that is allowed, ticks two seconds apart see every stage, whenever the first one comes."""
    plan = plan_of(profile, 1, 1e6)
    run_time_s = plan.shortest_run_s
    ticks = (phase_s + 1.999 * i for i in range(run_time_s))
    begins = [begin * run_time_s for begin, _ in profile.stages]
    seen = {sum(begin <= tick for begin in begins) for tick in ticks if tick < run_time_s}
    assert seen == set(range(1, len(begins) + 1))


@given(profile=profiles, peak=st.integers(1, 10**6), at_s=st.floats(-1e3, 1e5))
def test_users_never_exceed_the_peak(profile: Profile, peak: int, at_s: float) -> None:
    """Users are whole, none below 0 or above the peak, and round(peak × profile(t / T))."""
    users = plan_of(profile, peak, 7200).users_at(at_s)
    assert isinstance(users, int)
    assert 0 <= users <= peak
    assert users == round(peak * profile(at_s / 7200))


@given(profile=profiles, peak=st.integers(1, 1000))
def test_no_tick_changes_more_than_the_largest_change(profile: Profile, peak: int) -> None:
    """From nobody at the start and from tick to tick, no change is above the largest, and one is equal to it."""
    plan = plan_of(profile, peak, 2100)
    users = [0, *(plan.users_at(second) for second in range(2100))]
    assert max(abs(b - a) for a, b in itertools.pairwise(users)) == plan.largest_change()


@pytest.mark.parametrize(
    ("peak", "run_time_s", "doors_open", "told"),
    [
        (0, 60, None, ["users (-u) are 0"]),
        (-5, 0, 1.5, ["users (-u) are -5", "run time (-t) is 0 s; at least 4 s", "doors_open is 1.5"]),
        (5, 3.9, None, ["run time (-t) is 3.9 s; at least 4 s"]),
        (5, math.inf, None, ["run time (-t) is inf s"]),
        (5, NAN, -0.1, ["run time (-t) is nan s", "doors_open is -0.1"]),
    ],
)
def test_plans_that_cannot_be(peak: int, run_time_s: float, doors_open: float | None, told: list[str]) -> None:
    """A peak of nobody, a run too short for its stages, doors outside of the run: all told at once, exit code 2."""
    with pytest.raises(UsageError) as caught:
        plan_of(STAIRS, peak, run_time_s, doors_open)
    assert len(str(caught.value).splitlines()) == len(told)
    assert all(sentence in str(caught.value) for sentence in told)


@pytest.mark.parametrize(("doors_open", "doors_open_s"), [(None, None), (0, 0), (0.25, 30), (1, 120)])
def test_doors(doors_open: float | None, doors_open_s: float | None) -> None:
    """Doors open at their part of the run; a shape that names none leaves it open."""
    assert plan_of(STAIRS, 1, 120, doors_open).doors_open_s == doors_open_s
