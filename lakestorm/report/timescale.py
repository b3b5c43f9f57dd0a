"""The time axis that all pictures share: its buckets, the phases behind it, the events on it."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING

import numpy as np

from lakestorm.report.words import end_in_words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    from lakestorm.record.folder import Results
    from lakestorm.record.manifest import Run
    from lakestorm.record.tables import ProbeSeries

    Floats = npt.NDArray[np.float64]

POINTS_MAX = 900
"""More points than pixels show nothing more."""
WIDTHS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600)
LEVEL = 0.02
"""A shape that changes by less than this share of its peak from sample to sample is level."""
PHASE_MIN = 0.04
"""A phase shorter than this share of the run is not shown."""

PRESSURE, PRESSURE_PHASE = "sysload", "phase."
"""The probe that reads sys-load, and how its readings of phases begin: 1 while the phase lasts, 0 afterwards."""
PRESSURE_EVENTS_MAX = 8


@dataclasses.dataclass(frozen=True, slots=True)
class Event:
    """Something that happened once. Units: seconds since the start."""

    at_s: float
    label: str


@dataclasses.dataclass(frozen=True, slots=True)
class Phase:
    """A part of the run, shaded lightly: `warm-up`, or users `rising` or `falling`."""

    from_s: float
    to_s: float
    what: str


@dataclasses.dataclass(frozen=True, slots=True)
class TimeScale:
    """Seconds of a run in buckets of one width.

    Attributes:
        seconds: how many the run has, at least 1.
        width_s: of a bucket.
        started_at: UTC, for the axis' title.
    """

    seconds: int
    width_s: int
    started_at: float
    phases: tuple[Phase, ...] = ()
    events: tuple[Event, ...] = ()

    @property
    def edges(self) -> list[int]:
        """Where buckets begin, and where the last one ends: one more than there are buckets."""
        return [*range(0, self.seconds, self.width_s), self.seconds]

    def rates(self, counts: npt.NDArray[np.int64]) -> Floats:
        """Mean per second in each bucket. Shapes: (seconds or fewer,) → (buckets,)."""
        padded = np.zeros(self.seconds)
        padded[: len(counts)] = counts
        edges = np.array(self.edges)
        return np.add.reduceat(padded, edges[:-1]) / np.diff(edges)

    def maxima(self, values: Floats) -> Floats:
        """The highest value of each bucket; NaN where a bucket has none. Shapes: (seconds or fewer,) → (buckets,)."""
        padded = np.full(self.seconds, np.nan)
        padded[: len(values)] = values
        return np.fmax.reduceat(padded, self.edges[:-1])

    @property
    def note(self) -> str:
        """What one point stands for; empty where it is one second."""
        if self.width_s == 1:
            return ""
        return f"One point is {self.width_s} s: of rates the mean, of response times the worst second."


def time_scale(results: Results) -> TimeScale:
    """The scale that fits a run."""
    run = results.run
    written = max((len(of.counts["offered"]) for of in results.timeline.values()), default=0)
    read = max((float(series.second.max()) for series in results.probes.values()), default=0.0)
    seconds = max(1, written, math.ceil(load_s(run)), math.floor(read))
    return TimeScale(
        seconds=seconds,
        width_s=next((width for width in WIDTHS_S if seconds / width <= POINTS_MAX), seconds // POINTS_MAX + 1),
        started_at=run.started_at,
        phases=tuple(phases(run)),
        events=tuple(sorted([*events(run), *pressure_events(results.probes)], key=lambda event: event.at_s)),
    )


def load_s(run: Run) -> float:
    """How long the load lasted; 0 where that is not known."""
    return 0.0 if run.ended_at is None else run.ended_at - run.started_at


def events(run: Run) -> list[Event]:
    """What happened once, in order."""
    found = []
    if run.warmup_s > 0:
        found.append(Event(run.warmup_s, "warm-up ends"))
    if run.doors_open_s:
        found.append(Event(run.doors_open_s, "doors open"))
    if run.ended_at is not None:
        why = f": {end_in_words(run.stopped_by)}" if run.stopped_by else ""
        found.append(Event(load_s(run), f"load ended{why}"))
    return sorted(found, key=lambda event: event.at_s)


def pressure_events(probes: Mapping[tuple[str, str], ProbeSeries]) -> list[Event]:
    """Where phases of sys-load began, or were first seen; none at all where there are too many to be told apart."""
    found = [
        Event(at_s, f"sys-load: {name.removeprefix(PRESSURE_PHASE)}")
        for (probe, name), series in probes.items()
        if probe == PRESSURE and name.startswith(PRESSURE_PHASE)
        for at_s in beginnings(series)
    ]
    return sorted(found, key=lambda event: event.at_s) if len(found) <= PRESSURE_EVENTS_MAX else []


def beginnings(series: ProbeSeries) -> list[float]:
    """Seconds at which what is 1 or 0 became 1; where it could not be read it is taken to have stayed as it was."""
    is_read = ~np.isnan(series.value)
    second, is_on = series.second[is_read], series.value[is_read] > 0
    return [float(at_s) for at_s in second[is_on & ~np.concatenate(([False], is_on[:-1]))]]


def phases(run: Run) -> list[Phase]:
    """The warm-up, and where the shape lets users rise or fall."""
    found = [Phase(0.0, run.warmup_s, "warm-up")] if run.warmup_s > 0 else []
    return found + (slopes(run.shape.users, run.shape.run_time_s) if run.shape else [])


def slopes(users: Sequence[tuple[float, float]], end_s: float) -> list[Phase]:
    """Stretches in which the number of users rises or falls; short ones are left out."""
    if not users:
        return []
    peak = max(count for _, count in users) or 1.0
    moments = [at for at, _ in users[:-1]] + [end_s]
    steps = np.diff([count for _, count in users]) / peak
    words = np.where(steps > LEVEL / 4, "rising", np.where(steps < -LEVEL / 4, "falling", "level")).tolist()
    found: list[Phase] = []
    for i, word in enumerate(words):
        if found and found[-1].what == word:
            found[-1] = dataclasses.replace(found[-1], to_s=moments[i + 1])
        else:
            found.append(Phase(moments[i], moments[i + 1], word))
    return [phase for phase in found if phase.what != "level" and phase.to_s - phase.from_s >= PHASE_MIN * end_s]
