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

PERCENTILES = tuple(f"{name}_ms" for name in QUANTILES)
HEADER = ("second", "name", *COUNTS, *PERCENTILES)
"""Columns of timeline.csv: seconds since the start, the request's name, counts, response percentiles in ms."""


class Timeline:
    """Counts by second; a late answer may still change an earlier second's `offered`."""

    def __init__(self) -> None:
        self.counts: npt.NDArray[np.int64] = np.zeros((64, len(COUNTS)), dtype=np.int64)
        self.percentiles: dict[int, list[float]] = {}
        self.seconds = 0

    def count(self, name: str, moments_s: npt.NDArray[np.float64]) -> None:
        """Add one to the second of each moment."""
        if not len(moments_s):
            return
        per_second = np.bincount(np.maximum(moments_s, 0).astype(np.int64))
        self._reach(len(per_second))
        self.counts[: len(per_second), COUNTS.index(name)] += per_second

    def measure(self, second: int, durations_s: npt.NDArray[np.float64]) -> None:
        """Keep the percentiles of the requests that ended in a second; exact, in milliseconds."""
        ranks = list(QUANTILES.values())
        found = np.quantile(durations_s, ranks, method="inverted_cdf") * 1e3
        self.percentiles[second] = [round(float(value), 6) for value in found]

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
