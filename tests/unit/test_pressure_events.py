"""Where sys-load's phases began, as a run's time axis shows it."""

from __future__ import annotations

import math

import numpy as np
import pytest

from lakestorm.record.tables import ProbeSeries
from lakestorm.report import timescale
from lakestorm.report.timescale import Event, pressure_events, time_scale
from tests.unit.made_results import results


def series(*values: float, first_s: int = 0) -> ProbeSeries:
    """Readings, one a second."""
    return ProbeSeries("1 now, 0 over", first_s + np.arange(len(values), dtype=float), np.array(values), [])


@pytest.mark.parametrize(
    ("values", "wanted"),
    [
        ((), []),
        ((0, 0), []),
        ((1, 1, 1), [0]),
        ((0, 1, 1, 0, 1), [1, 4]),
        ((math.nan, 1, math.nan, math.nan, 1), [1]),
        ((1, math.nan, 0, math.nan, 1), [0, 4]),
        ((math.nan,), []),
    ],
)
def test_a_phase_begins_where_it_was_not(values: tuple[float, ...], wanted: list[float]) -> None:
    """Each time that it becomes 1; seconds in which sys-load did not answer end and begin nothing."""
    assert timescale.beginnings(series(*values)) == wanted


def test_phases_stand_on_the_time_axis() -> None:
    """In order, by name, and only those of the probe that reads sys-load."""
    probes = {
        ("sysload", "phase.rest"): series(1, 1, 0, 0, 1),
        ("sysload", "phase.full load"): series(1, 1, 0, first_s=2),
        ("sysload", "up.tcp://phase.shop:1"): series(1, 1),
        ("topics", "phase.1"): series(1, 1),
    }
    wanted = [Event(0, "sys-load: rest"), Event(2, "sys-load: full load"), Event(4, "sys-load: rest")]
    assert pressure_events(probes) == wanted
    found = results()
    found.probes.update(probes)
    shown = time_scale(found).events
    assert [event for event in shown if event.label.startswith("sys-load")] == wanted
    assert [event.at_s for event in shown] == sorted(event.at_s for event in shown)


def test_too_many_phases_are_not_shown() -> None:
    """Lines that nobody could tell apart are left out, all of them, rather than some."""
    flicker = {("sysload", "phase.a"): series(*[1, 0] * timescale.PRESSURE_EVENTS_MAX)}
    assert len(pressure_events(flicker)) == timescale.PRESSURE_EVENTS_MAX
    flicker["sysload", "phase.b"] = series(1)
    assert pressure_events(flicker) == []
