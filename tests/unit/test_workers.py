"""Pieces of a run across workers: clocks, and settings that differ."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakestorm.load.clock_offset import ClockOffset

delays = st.floats(0, 0.5)


@given(st.floats(-1e6, 1e6), st.lists(st.tuples(delays, delays), min_size=1, max_size=8))
def test_the_offset_is_right_within_its_error(ahead_s: float, trips: list[tuple[float, float]]) -> None:
    """However long messages take on their way there and back, the true offset is within the error that is told."""
    now = [100.0]
    offset = ClockOffset(clock=lambda: now[0])
    assert offset.error_s == math.inf
    for there, back in trips:
        asked = now[0]
        master = asked + there + ahead_s
        now[0] = asked + there + back
        offset.answered(asked, master)
    assert abs(offset.offset_s - ahead_s) <= offset.error_s + 1e-6
    assert offset.error_s == pytest.approx(min(there + back for there, back in trips) / 2)
    assert offset.ours(ahead_s + 5.0) == pytest.approx(5.0, abs=offset.error_s + 1e-6)
