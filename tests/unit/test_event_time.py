"""Event time: it ends at the wall clock's now, never lies in the future, and goes on behind an earlier run."""

from __future__ import annotations

import datetime as dt
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakestorm.model.event_time import DAY_MS, Timeline, ms_from_timestamp, timestamp

NOW_MS = 1_772_357_400_000
SCALES = st.floats(1, 1e5)


def of(
    *, scale: float = 1.0, run_s: float | None = 60.0, days: int = 0, last_ms: int | None = None, now_ms: int = NOW_MS
) -> Timeline:
    """A timeline that begins now."""
    return Timeline.of(now_ms=now_ms, scale=scale, run_s=run_s, history_days=days, last_ms=last_ms)


@pytest.mark.parametrize(
    ("scale", "run_s", "origin_ms"),
    [(1, 60, NOW_MS), (1, None, NOW_MS), (1000, 60, NOW_MS - 999 * 60_000), (1.5, 10, NOW_MS - 5000)],
)
def test_the_origin(scale: float, run_s: float | None, origin_ms: int) -> None:
    """Now + T − scale × T."""
    found = of(scale=scale, run_s=run_s, days=14)
    assert found.origin_ms == origin_ms == found.at_ms(0)
    assert found.history_ms == origin_ms - 14 * DAY_MS
    assert found.end_ms == (NOW_MS + run_s * 1000 if run_s else math.inf)


@given(scale=SCALES, run_s=st.floats(0.1, 1e6), elapsed_s=st.floats(0, 2e6), later_s=st.floats(0, 1e6))
def test_no_event_is_of_the_future(scale: float, run_s: float, elapsed_s: float, later_s: float) -> None:
    """At no time is event time ahead of the wall clock, nor does it run backwards; at the end they are equal."""
    found = of(scale=scale, run_s=run_s)
    assert found.at_ms(elapsed_s) <= NOW_MS + elapsed_s * 1000 + 1
    assert found.at_ms(elapsed_s) <= found.at_ms(elapsed_s + later_s)
    assert found.at_ms(run_s) == pytest.approx(NOW_MS + run_s * 1000, abs=2)
    assert found.at_ms(run_s + later_s) == pytest.approx(NOW_MS + (run_s + later_s) * 1000, abs=2)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"scale": 0.5}, "LOGIN_TIME_SCALE is 0.5: a number ≥ 1"),
        ({"scale": 0.0}, "LOGIN_TIME_SCALE is 0:"),
        ({"scale": 10.0, "run_s": None}, "has no end: .*-t 60s"),
        ({"scale": 1000.0, "last_ms": NOW_MS - 60_000}, "LOGIN_TIME_SCALE to at most 1.99,"),
        ({"last_ms": NOW_MS}, "future of this machine's clock"),
        ({"last_ms": NOW_MS + 5}, "future of this machine's clock"),
    ],
)
def test_times_that_cannot_be_are_refused(changes: dict[str, float], words: str) -> None:
    """One sentence that says what would do."""
    with pytest.raises(ValueError, match=words):
        of(**changes)  # type: ignore[arg-type]


@given(later_ms=st.integers(0, 10**8), scale=SCALES, run_s=st.floats(1, 3600), days=st.integers(0, 30))
def test_a_run_that_begins_later_ends_at_the_later_now(later_ms: int, scale: float, run_s: float, days: int) -> None:
    """Writing the history takes its time: it stays where it is, and the run moves on as a whole."""
    asked = of(scale=scale, run_s=run_s, days=days)
    begun = asked.begun(later_ms)
    assert begun.history_ms == asked.history_ms
    assert begun.at_ms(0) == asked.at_ms(0) + later_ms
    assert begun.end_ms == pytest.approx(NOW_MS + later_ms + 1000 * run_s, abs=1.5)
    assert asked.begun(-5) == asked, "a clock that was set back puts nothing live into the history"


@given(behind_ms=st.integers(1_000, 10**9), scale=st.floats(1.0, 1e5), run_s=st.floats(1, 3600))
def test_a_second_run_goes_on_or_says_how_it_could(behind_ms: int, scale: float, run_s: float) -> None:
    """Either its first event is after the topic's last and there is no second history, or the scale it names fits."""
    last_ms = NOW_MS - behind_ms
    try:
        found = of(scale=scale, run_s=run_s, last_ms=last_ms, days=14)
    except ValueError as error:
        fits = float(str(error).split("at most ")[1].split(",")[0])
        found = of(scale=fits, run_s=run_s, last_ms=last_ms)
    assert found.history_ms == found.origin_ms > last_ms


@given(at_ms=st.integers(0, 4_102_444_800_000))
def test_timestamps_are_read_back(at_ms: int) -> None:
    """As the standard library writes them with milliseconds, and Z."""
    moment = dt.datetime.fromtimestamp(at_ms // 1000, dt.UTC) + dt.timedelta(milliseconds=at_ms % 1000)
    assert timestamp(at_ms) == moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    assert ms_from_timestamp(timestamp(at_ms)) == at_ms


@pytest.mark.parametrize(
    ("text", "at_ms"),
    [("1970-01-01T00:00:00Z", 0), ("1970-01-01T01:00:00.001999+01:00", 1), ("1969-12-31T23:59:59.999Z", -1)],
)
def test_other_spellings_are_read(text: str, at_ms: int) -> None:
    """Other zones, no fraction, finer fractions."""
    assert ms_from_timestamp(text) == at_ms


@pytest.mark.parametrize("text", ["", "yesterday", "2026-03-01T09:30:00.250", "2026-13-01T00:00:00Z"])
def test_no_time_is_refused(text: str) -> None:
    """What is no time, or has no zone."""
    with pytest.raises(ValueError, match=r"."):
        ms_from_timestamp(text)
