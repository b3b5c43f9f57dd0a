"""Lag in messages and in time, and Burrow's rules: from what a look at a group finds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakestorm.probes.burrow import SILENCE_MIN_S, WINDOW, Commit, ConsumerWindow, Status, status
from lakestorm.probes.lag import HISTORY_MAX, PartitionLag, lag_from_offsets


@pytest.mark.parametrize(
    ("committed", "end", "wanted"), [(0, 0, 0), (7, 7, 0), (3, 10, 7), (0, 2**50, 2**50), (1000, 5, 0)]
)
def test_lag_is_what_is_left_and_never_negative(committed: int, end: int, wanted: int) -> None:
    """A topic made again ends below what was read of the old one: that is no lag."""
    assert lag_from_offsets(committed, end) == wanted


@pytest.mark.parametrize(
    ("looks", "wanted"),
    [
        # happy: (moment, committed, end) → seconds behind; caught up; a quiet topic
        ([(0, 5, 5), (9, 5, 5)], [0, 0]),
        # parked at 5 while the end grows: since the end was first seen above 5
        ([(0, 5, 5), (1, 5, 9), (2, 5, 20), (7, 5, 20)], [0, 0, 1, 6]),
        # gets on by half: what it has not read yet is younger
        ([(0, 5, 5), (1, 5, 9), (2, 5, 20), (3, 9, 20), (4, 20, 20)], [0, 0, 1, 1, 0]),
        # behind at the first look: a lower bound, since nobody looked before
        ([(10, 0, 100), (12, 0, 100)], [0, 2]),
        # the topic was made again, and its reader begins anew
        ([(0, 50, 100), (5, 50, 100), (6, 0, 3), (8, 0, 3), (9, 3, 3)], [0, 5, 0, 2, 0]),
    ],
)
def test_lag_in_time_is_since_the_next_message_was_the_newest(
    looks: list[tuple[float, int, int]], wanted: list[float]
) -> None:
    """0 when caught up, never unknown, nothing interpolated."""
    watch = PartitionLag()
    assert [watch.behind_s(*look) for look in looks] == wanted


@given(st.lists(st.tuples(st.floats(0.1, 10), st.integers(0, 50), st.integers(0, 50)), min_size=1, max_size=60))
def test_lag_in_time_is_never_more_than_was_watched(steps: list[tuple[float, int, int]]) -> None:
    """A lower bound: between 0 and the time since the first look; 0 exactly where nothing is left."""
    watch, at, end, committed = PartitionLag(), 0.0, 0, 0
    for after_s, written, read in steps:
        at, end = at + after_s, end + written
        committed = min(end, committed + read)
        behind_s = watch.behind_s(at, committed, end)
        assert 0 <= behind_s <= at
        if committed == end:
            assert behind_s == 0


def test_a_reader_that_stands_for_days_costs_no_memory() -> None:
    """Its history is thinned out; the oldest unread message keeps its age."""
    watch = PartitionLag()
    watch.behind_s(0.0, 0, 0)
    looks = 5 * HISTORY_MAX
    behind_s = [watch.behind_s(float(at), 0, at) for at in range(1, looks)][-1]
    assert len(watch._ends) <= HISTORY_MAX
    assert behind_s == looks - 2


def commits(*found: tuple[float, int, int]) -> list[Commit]:
    """Commits as (moment, offset, lag)."""
    return [Commit(*one) for one in found]


GETS_ON = [(float(i), 10 * i, 5) for i in range(WINDOW)]
"""A commit a second, lag steady."""


@pytest.mark.parametrize(
    ("window", "now", "lag", "has_members", "wanted"),
    [
        # happy: nothing to read is never an error, whatever went before
        (GETS_ON, 500.0, 0, False, Status.OK),
        (GETS_ON[:1], 0.0, 3, True, Status.OK),
        # lag fell at some point, or was 0 at some point: it gets on
        ([*GETS_ON[:-1], (9.0, 90, 4)], 9.5, 4, True, Status.OK),
        ([(0.0, 0, 0), *GETS_ON[1:]], 9.5, 5, True, Status.OK),
        # advancing, and lag never fell over a whole window
        (GETS_ON, 9.5, 5, True, Status.WARN),
        ([(at, offset, int(at)) for at, offset, _ in GETS_ON[1:]], 9.5, 9, True, Status.OK),
        # silent for longer than the window spans, at least 10 s: alive or gone
        (GETS_ON, 9.0 + SILENCE_MIN_S, 5, True, Status.WARN),
        (GETS_ON, 9.1 + SILENCE_MIN_S, 5, True, Status.STALL),
        (GETS_ON, 9.1 + SILENCE_MIN_S, 5, False, Status.STOP),
        ([(0.0, 7, 0)], 60.0, 5, False, Status.STOP),
        ([(0.0, 7, 5), (40.0, 9, 5)], 79.0, 5, True, Status.OK),
        ([(0.0, 7, 5), (40.0, 9, 5)], 81.0, 5, True, Status.STALL),
        # went back, and has not come to where it was; or has
        ([(0.0, 50, 5), (1.0, 20, 35), (2.0, 30, 25)], 2.5, 25, True, Status.REWIND),
        ([(0.0, 50, 5), (1.0, 20, 35), (2.0, 60, 5)], 2.5, 5, True, Status.OK),
    ],
)
def test_burrow_s_rules(
    window: list[tuple[float, int, int]], now: float, lag: int, wanted: Status, *, has_members: bool
) -> None:
    """Which state the last commits of a consumer come to."""
    assert status(commits(*window), now, lag, has_members=has_members) == wanted


def test_a_window_slides_over_looks() -> None:
    """A consumer that falls behind is WARN once the window is full, then OK when its lag falls, then STALL, then OK."""
    window = ConsumerWindow()
    looks = [(float(at), 10 * at, 100 + at) for at in range(WINDOW + 2)]
    states = [window.look(at, offset, lag, has_members=True) for at, offset, lag in looks]
    assert states == [Status.OK] * (WINDOW - 1) + [Status.WARN] * 3
    assert window.look(12.0, 200, 50, has_members=True) == Status.OK
    assert window.look(30.0, 200, 90, has_members=True) == Status.STALL
    assert window.look(31.0, 290, 0, has_members=True) == Status.OK


def test_a_lag_that_came_to_nothing_between_commits_is_remembered() -> None:
    """Caught up without a further commit: the window knows it, so that the next lag is no WARN."""
    window = ConsumerWindow()
    for at in range(WINDOW):
        window.look(float(at), at, 5, has_members=True)
    window.look(9.5, 9, 0, has_members=True)
    assert window.look(10.0, 10, 5, has_members=True) == Status.OK
