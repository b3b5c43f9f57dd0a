"""What happened in each second of a run, for one request name, and `timeline.csv` for all."""

from __future__ import annotations

import csv
import io
import operator
from typing import TYPE_CHECKING, Any

import numpy as np

from lakestorm.record.manifest import COUNTS, QUANTILES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import numpy.typing as npt

    from lakestorm.record.histograms import Batch

PERCENTILES = tuple(f"{name}_ms" for name in QUANTILES)
OPEN_S = 60
HEADER = ("second", "name", *COUNTS, *PERCENTILES)
"""Columns of timeline.csv: seconds since the start, the request's name, counts, response percentiles in ms."""


class Timeline:
    """Counts by second; a late answer may still change an earlier second's `offered`."""

    def __init__(self) -> None:
        self.counts: npt.NDArray[np.int64] = np.zeros((64, len(COUNTS)), dtype=np.int64)
        self.percentiles: dict[int, list[float]] = {}
        self.seconds = 0
        self._batches: dict[int, Batch] = {}
        """Durations of the newest seconds, to which late answers, or other processes' answers, may still be added."""

    def count(self, name: str, moments_s: npt.NDArray[np.float64]) -> None:
        """Add one to the second of each moment."""
        if not len(moments_s):
            return
        per_second = np.bincount(np.maximum(moments_s, 0).astype(np.int64))
        self._reach(len(per_second))
        self.counts[: len(per_second), COUNTS.index(name)] += per_second

    def measure(self, second: int, durations: Batch) -> None:
        """Add requests that ended in a second to its percentiles; in milliseconds, within 0.1 %.

        Durations that come more than OPEN_S later than a newer second's stand for themselves.
        """
        before = self._batches.get(second)
        self._batches[second] = durations if before is None else before.plus(durations)
        found = self._batches[second].quantiles_ns(list(QUANTILES.values()))
        self.percentiles[second] = [round(value / 1e6, 6) for value in found]
        for old in [of for of in self._batches if of < second - OPEN_S]:
            del self._batches[old]

    def add(self, other: Timeline) -> None:
        """Add another's counts. Percentiles cannot be added: durations are, by `measure`."""
        seconds = np.flatnonzero(other.counts.any(axis=1))
        self.add_counts(seconds, other.counts[seconds])

    def add_counts(self, seconds: npt.NDArray[np.int64], counts: npt.NDArray[np.int64]) -> None:
        """Add counts of some seconds, each named once, ascending; shapes (n,) and (n, len(COUNTS))."""
        if len(seconds):
            self._reach(int(seconds[-1]) + 1)
            self.counts[seconds] += counts

    def at(self, second: int, name: str) -> int:
        """One count of one second."""
        return int(self.counts[second, COUNTS.index(name)]) if 0 <= second < self.seconds else 0

    def percentile(self, second: int, name: str) -> float | None:
        """One of PERCENTILES in milliseconds; None where no answer came in that second."""
        found = self.percentiles.get(second)
        return found[PERCENTILES.index(name)] if found else None

    def rows(self, name: str, first: int = 0, last: int | None = None) -> Iterator[list[Any]]:
        """Rows of timeline.csv for seconds first ≤ second < last; a second without answers has no percentiles."""
        for second in range(first, self.seconds if last is None else min(last, self.seconds)):
            percentiles: list[Any] = list(self.percentiles.get(second, [""] * len(PERCENTILES)))
            yield [second, name, *self.counts[second].tolist(), *percentiles]

    def _reach(self, seconds: int) -> None:
        if seconds > len(self.counts):
            more = np.zeros((max(seconds, 2 * len(self.counts)), len(COUNTS)), dtype=np.int64)
            more[: len(self.counts)] = self.counts
            self.counts = more
        self.seconds = max(self.seconds, seconds)


def timeline_csv(timelines: Mapping[str, Timeline], first: int = 0, last: int | None = None) -> str:
    """Text of timeline.csv for a range of seconds, ordered by second; the header only where `first` is 0."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    if first == 0:
        writer.writerow(HEADER)
    rows: list[list[Any]] = [row for name, line in timelines.items() for row in line.rows(name, first, last)]
    rows.sort(key=operator.itemgetter(0))
    writer.writerows(rows)
    return out.getvalue()
