"""How much memory is held: slowly up, never past the limit less the reserve, and down while others wait."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sysload.memory import CALM_S, Appetite, Politeness, Surroundings, ramped

MB = 1e6
POLITE = Politeness(reserve_bytes=100 * MB, pressure_percent=10)
amounts = st.floats(0, 1e12)


def after(held: float, target: float, left: float, stalled: float | None, ramp: float = math.inf) -> tuple[float, str]:
    """(megabytes held, reason) a second later, all in megabytes."""
    appetite = Appetite(POLITE, 0.0)
    held_bytes = appetite.next_bytes(1.0, held * MB, target * MB, ramp * MB, Surroundings(left * MB, stalled))
    return held_bytes / MB, appetite.reason


@pytest.mark.parametrize(
    ("held", "target", "left", "stalled", "ramp", "next_held", "words"),
    [
        (0, 300, 5000, 0.0, math.inf, 300, ""),
        (0, 300, 5000, None, 30, 30, ""),  # no PSI
        (290, 300, 5000, 0.0, 30, 300, ""),
        (300, 100, 5000, 0.0, 30, 100, ""),  # down at once
        (300, 0, 5000, 0.0, 30, 0, ""),
        (0, 300, 250, 0.0, math.inf, 150, "no more is left"),  # the reserve stays
        (200, 300, 60, 0.0, math.inf, 160, "no more is left"),  # others took of it: given back
        (200, 300, -500, 0.0, math.inf, 0, "no more is left"),
        (300, 300, 5000, 10.0, math.inf, 300, ""),  # on the bound
        (300, 300, 5000, 10.1, math.inf, 150, "others wait for memory 10 % of the time"),
        (300, 300, 120, 90.0, math.inf, 150, "others wait"),
        (300, 300, -100, 90.0, math.inf, 100, "others wait"),
    ],
)
def test_a_second(
    held: float, target: float, left: float, stalled: float | None, ramp: float, next_held: float, words: str
) -> None:
    """The rules one by one; what stands against the target is said."""
    found, reason = after(held, target, left, stalled, ramp)
    assert found == pytest.approx(next_held)
    assert reason.startswith(words)
    assert bool(reason) == bool(words)


@given(held=amounts, target=amounts, left=st.floats(-1e12, 1e12), stalled=st.none() | st.floats(0, 100))
def test_never_past_the_target_or_the_room(held: float, target: float, left: float, stalled: float | None) -> None:
    """Whatever happens, no more than the target, nor than is left below the limit less the reserve."""
    found, _ = after(held, target, left, stalled)
    assert 0 <= found <= target * (1 + 1e-9)
    assert found <= max(0.0, held + left - 100) + 1e-6 * held + 1e-3


def test_after_pressure_nothing_is_taken_for_a_while() -> None:
    """What was let go of is taken again only when it has been calm for a quarter of a minute, and by the ramp."""
    appetite, held = Appetite(POLITE, 0.0), 300 * MB
    calm = Surroundings(5000 * MB, 0.0)
    held = appetite.next_bytes(1.0, held, 300 * MB, 10 * MB, Surroundings(5000 * MB, 50.0))
    for second in range(2, 1 + int(CALM_S)):
        assert appetite.next_bytes(float(second), held, 300 * MB, 10 * MB, calm) == held
        assert appetite.reason == "others waited for memory a moment ago"
    assert appetite.next_bytes(2.0 + CALM_S, held, 300 * MB, 10 * MB, calm) == pytest.approx(held + 10 * MB)
    assert appetite.reason == ""


def test_the_slowest_ramp_arrives() -> None:
    """A ramp of far less than a piece a step still comes up: what is held in whole pieces is not where it goes on."""
    appetite, piece, held = Appetite(POLITE, 0.0), 1 << 20, 0.0
    for step in range(1, 2401):
        wanted = appetite.next_bytes(step / 4, held, 60 * MB, 0.1 * MB, Surroundings(5000 * MB, 0.0))
        held = round(wanted / piece) * piece
    assert held == pytest.approx(60 * MB, abs=piece)


def test_an_hour_asleep_is_no_hour_of_ramp() -> None:
    """A worker that was stopped takes up its pace again instead of all at once."""
    appetite = Appetite(POLITE, 0.0)
    assert appetite.next_bytes(3600.0, 0.0, 3000 * MB, 10 * MB, Surroundings(5000 * MB, 0.0)) == 10 * MB


@pytest.mark.parametrize(
    ("before", "target", "pace", "now"),
    [(0, 300, 30, 30), (290, 300, 30, 300), (300, 300, 30, 300), (300, 50, 30, 50), (0, 300, math.inf, 300)],
)
def test_the_ramped_target(before: float, target: float, pace: float, now: float) -> None:
    """Up at its pace, down at once."""
    assert ramped(before, target, pace, 1.0) == now
