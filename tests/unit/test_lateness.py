"""Whether logins can be as late as is wanted: by formula, and by the people who are to do it."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakestorm.model.lateness import Pace, lateness_problem
from tests.unit.made_logins import RUN_S, history, live, town


def pace(
    accounts: int = 1000, per_s: float = 100.0, run_s: float = 60.0, scale: float = 1.0, *, has_history: bool = True
) -> Pace:
    """A run's pace."""
    return Pace(accounts=accounts, per_s=per_s, run_s=run_s, scale=scale, has_history=has_history)


@pytest.mark.parametrize(
    ("of", "late_by_s", "can"),
    [
        (pace(accounts=5000, per_s=1000, run_s=4), 60, True),
        (pace(accounts=300, per_s=300, scale=1000, run_s=15), 60, True),
        (pace(accounts=200, per_s=200, run_s=600), 1, True),
        (pace(accounts=200, per_s=200, run_s=600), 60, False),
        (pace(accounts=200, per_s=200, run_s=math.inf), 60, False),
        (pace(per_s=1, run_s=10), 80_000, False),
        (pace(per_s=1, run_s=10, has_history=False), 80_000, True),
        (pace(accounts=1, per_s=1000), 60, False),
    ],
)
def test_what_can_be_late(of: Pace, late_by_s: float, *, can: bool) -> None:
    """A tenth of the logins, by accounts, rate, time scale and history."""
    assert (lateness_problem(of, ratio=0.1, late_by_s=late_by_s) == "") is can


def test_a_refusal_says_what_would_do() -> None:
    """The lateness that it names is accepted, and one a little longer is not."""
    of = pace(accounts=200, per_s=200, run_s=600)
    said = lateness_problem(of, ratio=0.1, late_by_s=60)
    assert said.startswith("LOGIN_LATE_RATIO is 0.1 and LOGIN_LATE_BY_S is 60: only an account that was silent")
    longest_s = of.longest_s(0.1)
    assert f"Set LOGIN_LATE_BY_S to at most {longest_s:g}, LOGIN_ACCOUNTS or LOGIN_TIME_SCALE higher" in said
    assert lateness_problem(of, ratio=0.1, late_by_s=longest_s) == ""
    assert lateness_problem(of, ratio=0.1, late_by_s=longest_s + 2) != ""
    nobody = lateness_problem(pace(accounts=1, per_s=1000), ratio=0.1, late_by_s=60)
    assert "Set LOGIN_ACCOUNTS or" in nobody


@given(
    accounts=st.integers(1, 10**6),
    per_s=st.floats(0.01, 1e5),
    run_s=st.floats(1, 1e5),
    scale=st.floats(1, 1e5),
    late_by_s=st.floats(1, 8e4),
    has_history=st.booleans(),
)
def test_more_lateness_is_never_easier(
    accounts: int, per_s: float, run_s: float, scale: float, late_by_s: float, *, has_history: bool
) -> None:
    """Shares are 0 to 1; longer, fewer accounts, and more logins make them smaller."""
    of = pace(accounts, per_s, run_s, scale, has_history=has_history)
    share = of.late_share(late_by_s)
    assert 0 <= share <= 1
    assert of.late_share(late_by_s * 2) <= share
    assert pace(accounts + 1, per_s, run_s, scale, has_history=has_history).late_share(late_by_s) >= share
    assert pace(accounts, per_s * 2, run_s, scale, has_history=has_history).late_share(late_by_s) <= share


@pytest.mark.parametrize(("late_ms", "count", "is_owed"), [(2_000, 6000, False), (60_000, 6000, True)])
def test_the_formula_agrees_with_the_people(late_ms: int, count: int, *, is_owed: bool) -> None:
    """300 accounts, 100 logins a second, a tenth late: late logins stay owed where that is refused, and only there."""
    made = town(scale=1.0, late_ms=late_ms)
    history(made)
    logins = live(made, count, late_every=10)
    of = pace(accounts=300, per_s=count / RUN_S, run_s=RUN_S)
    assert (lateness_problem(of, ratio=0.1, late_by_s=late_ms / 1e3) != "") is is_owed
    assert (made.crowd.owed > count // 100) is is_owed
    late = [login for login in logins if login.late]
    assert len(late) + made.crowd.owed == count // 10
    at = {id(login): made.timeline.at_ms(n * RUN_S / count) for n, login in enumerate(logins)}
    assert all(late_ms <= at[id(login)] - login.at_ms <= 2 * late_ms for login in late)
