"""What probes read while a run goes on: `probes.csv`, and what `run.json` says of each."""

from __future__ import annotations

import csv
import dataclasses
import io
from typing import TYPE_CHECKING, Any

import numpy as np

from lakestorm.record.trace import Trace

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

HEADER = "second,probe,name,value,unit,error\n"
"""First line of probes.csv: seconds since the run's start, who read, what, how much, of which unit, or why not."""


@dataclasses.dataclass(frozen=True, slots=True)
class Reading:
    """One answer to one question; a probe that fails has an error and no value, never a 0.

    Attributes:
        second: since the run's start.
        probe: who read ("stock").
        name: what ("left").
        value: how much; None if it could not be read.
        unit: of the value, in words ("units").
        error: why there is no value; empty if there is one.
    """

    second: float
    probe: str
    name: str
    value: float | None
    unit: str
    error: str = ""

    def line(self) -> str:
        """The reading as a line of probes.csv."""
        out = io.StringIO()
        value = "" if self.value is None else f"{self.value:.12g}"
        fields = (f"{self.second:.3f}", self.probe, self.name, value, self.unit, self.error)
        csv.writer(out, lineterminator="\n").writerow(fields)
        return out.getvalue()


class Series:
    """All readings of one name: sums, and the curve in bounded memory."""

    def __init__(self, unit: str) -> None:
        self.unit = unit
        self.count = self.errors = 0
        self.sum = 0.0
        self.first: float | None = None
        self.min: float | None = None
        self.max: float | None = None
        self.max_at_s: float | None = None
        self.last: float | None = None
        self.trace = Trace()
        self.now: Reading | None = None
        """The latest reading, also if it is an error."""

    def add(self, reading: Reading) -> None:
        """Count a value, or an error where there is none."""
        self.now = reading
        value = reading.value
        if value is None:
            self.errors += 1
            return
        self.count += 1
        self.sum += value
        self.first = value if self.first is None else self.first
        self.min = value if self.min is None else min(self.min, value)
        if self.max is None or value > self.max:
            self.max, self.max_at_s = value, reading.second
        self.last = value
        self.trace.add(reading.second, value)

    def summary(self) -> dict[str, Any]:
        """Unit, number of values and of errors, first, min, mean, max and when that was, last; None without a value."""
        mean = self.sum / self.count if self.count else None
        numbers = {"first": self.first, "min": self.min, "mean": mean, "max": self.max, "max_at_s": self.max_at_s}
        return {"unit": self.unit, "count": self.count, "errors": self.errors, **numbers, "last": self.last}


class Readings:
    """All series of a run, by `probe.name`."""

    def __init__(self) -> None:
        self.series: dict[str, Series] = {}

    def add(self, reading: Reading) -> None:
        """Count one reading."""
        name = f"{reading.probe}.{reading.name}"
        if name not in self.series:
            self.series[name] = Series(reading.unit)
        self.series[name].add(reading)

    def summary(self) -> dict[str, dict[str, Any]]:
        """What `run.json` shows under `probes`."""
        return {name: series.summary() for name, series in self.series.items()}

    def latest(self) -> dict[str, Reading]:
        """The last reading of everything, also where it is an error: for whoever shows the run while it goes on."""
        return {name: series.now for name, series in self.series.items() if series.now is not None}

    def curve(self, name: str, since_s: float = 0.0) -> tuple[Floats, Floats]:
        """(seconds, values) of one name from a moment on; empty where nothing was read. Shapes (n,)."""
        return self.series[name].trace.since(since_s) if name in self.series else (np.empty(0), np.empty(0))
