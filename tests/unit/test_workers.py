"""Pieces of a run across workers: clocks, settings that differ, who may still answer, what a refusal says."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from locust.runners import STATE_INIT, STATE_MISSING, WorkerNode, WorkerNodes

from lakestorm.errors import PlatformError
from lakestorm.load.clock_offset import ClockOffset
from lakestorm.load.crew_member import LOST_S, Presence
from lakestorm.load.setting_differences import differences
from lakestorm.load.worker_link import refusal

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


def test_a_moment_that_was_told_is_over() -> None:
    """A slow way there makes the master seem ahead; second 0 of its run lies in no worker's future all the same."""
    offset = ClockOffset(clock=lambda: 100.2)
    offset.answered(100.0, 100.0)
    assert offset.ours(100.19) > 100.2
    assert offset.past(100.19) == 100.2
    assert offset.past(90.0) == offset.ours(90.0)


@pytest.mark.parametrize(
    ("state", "after_s", "answers", "gets_ready"),
    [
        (STATE_INIT, 1000.0, True, True),
        (STATE_MISSING, LOST_S - 0.1, True, True),
        (STATE_MISSING, LOST_S, False, False),
        (None, LOST_S - 0.1, True, True),
        (None, LOST_S, True, False),
    ],
    ids=["there", "missed a while", "missed too long", "forgotten a while", "forgotten"],
)
def test_who_may_still_answer(state: str | None, after_s: float, *, answers: bool, gets_ready: bool) -> None:
    """One that Locust forgot took its leave: it drains what it ran, and gets ready for nothing any more."""
    now = [0.0]
    nodes = WorkerNodes()
    presence = Presence(nodes, clock=lambda: now[0])
    if state is not None:
        nodes["one"] = WorkerNode("one", state)
    assert (presence.may_answer("one"), presence.may_get_ready("one")) == (True, True)
    now[0] = after_s
    assert (presence.may_answer("one"), presence.may_get_ready("one")) == (answers, gets_ready)
    assert presence.there() == (["one"] if state == STATE_INIT else [])


def test_a_worker_that_comes_back_was_not_lost() -> None:
    """However often it is missed, only a whole stretch counts."""
    now = [0.0]
    nodes = WorkerNodes()
    nodes["one"] = WorkerNode("one", STATE_MISSING)
    presence = Presence(nodes, clock=lambda: now[0])
    for _ in range(5):
        nodes["one"].state = STATE_MISSING
        assert presence.may_answer("one")
        now[0] += LOST_S * 0.9
        assert presence.may_answer("one")
        nodes["one"].state = STATE_INIT
        assert presence.may_answer("one")


@pytest.mark.parametrize(
    ("error", "why", "broke"),
    [
        (PlatformError("The shop is closed."), "The shop is closed.", False),
        (
            ValueError("not 1."),
            "ValueError: not 1. This is a bug; its traceback is in that worker's own output.",
            True,
        ),
        (KeyError(), "KeyError. This is a bug; its traceback is in that worker's own output.", True),
    ],
)
def test_a_refusal_is_a_sentence(error: Exception, why: str, *, broke: bool) -> None:
    """Errors of ours say what is wrong; of any other the master is told what it is, and that it is a bug."""
    assert refusal("a1", error) == {"run": "a1", "why": why, "broke": broke}


def test_settings_that_differ_are_named() -> None:
    """Each that makes another load; not addresses, folders, or who may see the page."""
    ours = {"PURCHASE_ZIPF": "0.9", "POSTGRES_HOST": "a", "WEB_BIND": "127.0.0.1", "RANDOM_SEED": "1"}
    theirs = {"PURCHASE_ZIPF": "0.5", "POSTGRES_HOST": "b", "WEB_BIND": "0.0.0.0", "RANDOM_SEED": "1"}  # noqa: S104
    assert differences(ours, theirs) == [
        'PURCHASE_ZIPF is "0.5" there and "0.9" on the master. The same .env is wanted on both.'
    ]
