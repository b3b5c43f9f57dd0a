"""What probes read while a run goes on: `probes.csv`, and what `run.json` says of each."""

from __future__ import annotations

import csv
import dataclasses
import io
from typing import Any

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
    """All readings of one name, as sums: memory does not grow with the run."""

    def __init__(self, unit: str) -> None:
        self.unit = unit
        self.count = self.errors = 0
        self.sum = 0.0
        self.min: float | None = None
        self.max: float | None = None
        self.last: float | None = None

    def add(self, value: float | None) -> None:
        """Count a value, or an error where it is None."""
        if value is None:
            self.errors += 1
            return
        self.count += 1
        self.sum += value
        self.min = value if self.min is None else min(self.min, value)
        self.max = value if self.max is None else max(self.max, value)
        self.last = value

    def summary(self) -> dict[str, Any]:
        """Unit, number of values and of errors, min, mean, max, last; None without a value."""
        mean = self.sum / self.count if self.count else None
        numbers = {"min": self.min, "mean": mean, "max": self.max, "last": self.last}
        return {"unit": self.unit, "count": self.count, "errors": self.errors, **numbers}


class Readings:
    """All series of a run, by `probe.name`."""

    def __init__(self) -> None:
        self._series: dict[str, Series] = {}

    def add(self, reading: Reading) -> None:
        """Count one reading."""
        name = f"{reading.probe}.{reading.name}"
        self._series.setdefault(name, Series(reading.unit)).add(reading.value)

    def summary(self) -> dict[str, dict[str, Any]]:
        """What `run.json` shows under `probes`."""
        return {name: series.summary() for name, series in self._series.items()}
