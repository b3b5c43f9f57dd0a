"""The state of a check, moved by its answers: up, down, how long, how often, flapping, and how quick it was."""

from __future__ import annotations

import itertools
import math
import statistics
from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sysload.health import HISTORY, Answer, Health, Latencies, flap_ratio, flaps, quantiles
from sysload.watching import next_due


def told(ups: str, every_s: float = 1.0, took_s: float = 0.1) -> Health:
    """The health after answers like `++-+`, one a second, each a tenth long."""
    health = Health()
    for number, up in enumerate(ups):
        began_s = number * every_s
        health.add(Answer(began_s, began_s + took_s, "" if up == "+" else "refused"))
    return health


def test_before_the_first_answer_nothing_is_known() -> None:
    """No answer, no state, no change."""
    health = Health()
    assert (health.state, health.changes, health.is_flapping, health.last) == ("unknown", 0, False, None)


def test_the_first_answer_is_no_change() -> None:
    """Whether it is up or down when it is first asked."""
    assert [(told(ups).state, told(ups).changes) for ups in "+-"] == [("up", 0), ("down", 0)]


def test_an_outage_lasts_from_the_first_failure_asked_to_the_first_success_answered() -> None:
    """Up → down → up, each with how long what was before it had lasted."""
    health = told("++---+")
    assert [t.to for t in health.transitions] == ["down", "up"]
    assert [t.at_s for t in health.transitions] == pytest.approx([2.0, 5.1])
    assert [t.lasted_s for t in health.transitions] == pytest.approx([1.9, 3.1])
    assert (health.state, health.changes) == ("up", 2)
    assert health.since_s == pytest.approx(5.1)


@given(
    st.lists(st.tuples(st.booleans(), st.floats(0, 9), st.floats(0, 9)), min_size=1, max_size=80),
)
def test_states_follow_the_answers(rows: list[tuple[bool, float, float]]) -> None:
    """Changes are the neighbours that differ, states alternate, and their durations add up to the whole time.

    Rows: whether it answers, seconds until it is asked, seconds that it takes.
    """
    health, answers, now_s = Health(), [], 0.0
    for up, pause_s, took_s in rows:
        began_s, now_s = now_s + pause_s, now_s + pause_s + took_s
        answers.append(Answer(began_s, now_s, "" if up else "refused"))
        health.add(answers[-1])
    ups = [answer.is_up for answer in answers]
    assert health.changes == len(health.transitions) == sum(a != b for a, b in itertools.pairwise(ups))
    assert health.state == ("up" if ups[-1] else "down")
    assert all(a.to != b.to for a, b in itertools.pairwise(health.transitions))
    assert all(t.lasted_s >= -1e-9 for t in health.transitions)
    first = answers[0].ended_s if answers[0].is_up else answers[0].began_s
    assert first + sum(t.lasted_s for t in health.transitions) == pytest.approx(health.since_s)


@pytest.mark.parametrize(
    ("ups", "is_flapping"),
    [
        ("+" * 30, False),
        ("-" * 30, False),
        ("+" * 10 + "-" * 5 + "+" * 6, False),  # one outage
        ("++-++-" + "+" * 15, False),  # two outages: 4 changes of 20
        ("+-" * 10 + "+", True),
        ("+-" * 3 + "+", True),  # 6 changes at once
        ("+-" * 10 + "+" * 25, False),  # and calm again
    ],
)
def test_flapping(ups: str, is_flapping: bool) -> None:  # noqa: FBT001 - a column of the table
    """Some changes are an outage, many within the last 21 answers are flapping, and it ends with calm."""
    assert told(ups).is_flapping is is_flapping


@given(st.lists(st.booleans(), max_size=60))
def test_the_flap_ratio_is_a_weighted_share(changes: list[bool]) -> None:
    """From 0 to 1, nothing older than 20 pairs counts, and a newer change never weighs less than an older one."""
    ratio = flap_ratio(deque(changes, maxlen=HISTORY))
    assert ratio == pytest.approx(flap_ratio(deque(changes[-HISTORY:], maxlen=HISTORY)))
    assert 0 <= ratio <= 1 + 1e-9
    newest_first = list(reversed(changes[-HISTORY:]))
    by_hand = sum(1.2 - 0.4 * age / 19 for age, changed in enumerate(newest_first) if changed) / 20
    assert ratio == pytest.approx(by_hand)


def test_flapping_has_two_bounds() -> None:
    """It begins at 30 % and ends below 20 %, so that it does not itself flap."""
    assert [flaps(ratio, is_flapping=False) for ratio in (0.29, 0.30)] == [False, True]
    assert [flaps(ratio, is_flapping=True) for ratio in (0.20, 0.19)] == [True, False]


@given(st.lists(st.floats(0, 10), min_size=1, max_size=200))
def test_quantiles_are_measured_values(values: list[float]) -> None:
    """Each quantile is one of the latencies, at least its share of all are not above it, and they are in order."""
    found = quantiles(deque(values))
    assert found.count == len(values)
    assert found.p50_ms == pytest.approx(statistics.median_low(values) * 1000)
    assert found.p50_ms <= found.p95_ms <= found.max_ms == max(values) * 1000  # type: ignore[operator]
    assert sum(v * 1000 <= found.p95_ms for v in values) >= 0.95 * len(values)  # type: ignore[operator]


def test_failures_never_look_fast() -> None:
    """A failed asking ranks as infinitely slow; without any asking there is no number."""
    assert Answer(0, 0.001, "refused").latency_s == math.inf
    assert quantiles(deque([0.001, math.inf])).max_ms == math.inf
    assert quantiles(deque()).p50_ms is None


def test_latency_before_and_under_pressure_are_kept_apart() -> None:
    """What is asked between two spells of pressure is neither."""
    latencies = Latencies()
    for latency_s, pressure in ((0.001, "before"), (0.002, "before"), (0.009, "under"), (7.0, "between")):
        latencies.add(latency_s, pressure)  # type: ignore[arg-type]
    assert (latencies.before.count, latencies.before.max_ms) == (2, 2.0)
    assert (latencies.under.count, latencies.under.p50_ms) == (1, 9.0)


@given(due_s=st.floats(0, 1e6), every_s=st.floats(0.1, 3600), late_s=st.floats(-1, 100))
def test_a_slow_answer_costs_askings_not_the_schedule(due_s: float, every_s: float, late_s: float) -> None:
    """The next asking is on the grid of the first, not past, and not later than it must be."""
    now_s = due_s + late_s
    next_s = next_due(due_s, every_s, now_s)
    steps = (next_s - due_s) / every_s
    assert steps >= 1 - 1e-9
    assert steps == pytest.approx(round(steps))
    assert next_s >= now_s - 1e-6
    assert next_s <= max(due_s + every_s, now_s + every_s) + 1e-6
