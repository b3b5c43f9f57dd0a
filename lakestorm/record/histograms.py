"""Latency distributions with three significant digits from 1 ns to 1 h, whole batches at a time.

The layout of counters is HdrHistogram's (1 ns … 3.6e12 ns, 3 digits), so that its tools read what is written here.
Filling goes through numpy, a batch a second, because one `record_value` a sample would cost a request 4 µs.
"""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any

import numpy as np
from hdrh.histogram import HdrHistogram

from lakestorm.record.manifest import QUANTILES, Latency

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Integers = npt.NDArray[np.int64]

LOWEST_NS = 1
HIGHEST_NS = 3_600_000_000_000
DIGITS = 3
HALF = 1024
"""Counters in each power of two: half of the least power of two ≥ 2 × 10^3."""
COUNTERS = 33 * HALF


def index_of(values_ns: Integers) -> Integers:
    """The counter of each value; values outside [1 ns, 1 h] go to the nearest end."""
    values = np.clip(values_ns, LOWEST_NS, HIGHEST_NS)
    bucket = np.maximum(np.frexp(values.astype(np.float64))[1], 11).astype(np.int64) - 11
    return bucket * HALF + (values >> bucket)


def highest_of(index: int) -> int:
    """The largest value in nanoseconds that shares a counter: what a percentile reports, as HdrHistogram does."""
    bucket = max(index // HALF - 1, 0)
    return ((index - bucket * HALF + 1) << bucket) - 1


@dataclasses.dataclass(frozen=True, slots=True)
class Batch:
    """Some durations as counters: what a second's answers become before they are added up, written, or sent away.

    Attributes:
        index: the counters that are not 0, ascending; shape (n,), n ≥ 1.
        counts: how often each, shape (n,).
        sum_ns, min_ns, max_ns: exact.
    """

    index: Integers
    counts: Integers
    sum_ns: int
    min_ns: int
    max_ns: int

    @classmethod
    def of(cls, seconds: Floats) -> Batch:
        """The counters of durations in seconds; shape (n,), n ≥ 1."""
        values = np.maximum(np.rint(seconds * 1e9).astype(np.int64), 0)
        counters = np.bincount(index_of(values))
        index = np.flatnonzero(counters)
        return cls(index, counters[index], int(values.sum()), int(values.min()), int(values.max()))

    def plus(self, other: Batch) -> Batch:
        """Both together."""
        index, where = np.unique(np.concatenate([self.index, other.index]), return_inverse=True)
        counts = np.zeros(len(index), dtype=np.int64)
        np.add.at(counts, where, np.concatenate([self.counts, other.counts]))
        edges = min(self.min_ns, other.min_ns), max(self.max_ns, other.max_ns)
        return Batch(index, counts, self.sum_ns + other.sum_ns, *edges)

    def quantiles_ns(self, quantiles: Sequence[float], unfinished: int = 0) -> list[float]:
        """See Histogram.quantiles_ns."""
        cumulative = np.cumsum(self.counts)
        count = int(cumulative[-1])
        ranks = [max(1, math.ceil(round(q * (count + unfinished), 6))) for q in quantiles]
        found = np.searchsorted(cumulative, ranks)
        return [
            float(min(highest_of(int(self.index[i])), self.max_ns)) if rank <= count else math.inf
            for i, rank in zip(found, ranks, strict=True)
        ]


class Histogram:
    """Counters, with exact sum, minimum and maximum."""

    def __init__(self) -> None:
        self.counts: Integers = np.zeros(COUNTERS, dtype=np.int64)
        self.count = 0
        self.sum_ns = 0
        self.min_ns = HIGHEST_NS
        self.max_ns = 0

    def add(self, seconds: Floats) -> None:
        """Count a batch of durations in seconds."""
        if len(seconds):
            self.add_batch(Batch.of(seconds))

    def add_batch(self, batch: Batch | None) -> None:
        """Add counters that were made elsewhere; None adds nothing."""
        if batch is None:
            return
        self.counts[batch.index] += batch.counts
        self.count += int(batch.counts.sum())
        self.sum_ns += batch.sum_ns
        self.min_ns = min(self.min_ns, batch.min_ns)
        self.max_ns = max(self.max_ns, batch.max_ns)

    def batch(self) -> Batch | None:
        """All counters that are not 0; None if there is none."""
        index = np.flatnonzero(self.counts)
        if not len(index):
            return None
        return Batch(index, self.counts[index], self.sum_ns, self.min_ns, self.max_ns)

    def quantiles_ns(self, quantiles: Sequence[float], unfinished: int = 0) -> list[float]:
        """`inverted_cdf` values in nanoseconds; `unfinished` samples more rank as infinite.

        NaN without samples. Error ≤ 0.1 % of the value (three significant digits).
        """
        batch = self.batch()
        if batch is None:
            return [math.inf if unfinished else math.nan] * len(quantiles)
        return batch.quantiles_ns(quantiles, unfinished)

    def latency(self, unfinished: int = 0) -> Latency | None:
        """The distribution in milliseconds as results show it; None without samples."""
        if not self.count + unfinished:
            return None
        found = self.quantiles_ns(list(QUANTILES.values()), unfinished)
        percentiles = {name: ms_of(value) for name, value in zip(QUANTILES, found, strict=True)}
        whole = bool(self.count) and not unfinished
        return Latency(
            count=self.count + unfinished,
            min=ms_of(self.min_ns) if self.count else None,
            mean=ms_of(self.sum_ns / self.count) if whole else None,
            max=ms_of(self.max_ns) if whole else None,
            **percentiles,
        )


def ms_of(nanoseconds: float) -> float | None:
    """Milliseconds; None where infinite or not a number."""
    return nanoseconds / 1e6 if math.isfinite(nanoseconds) else None


class Encoder:
    """Writes batches in HdrHistogram's V2 compressed form; one scratch histogram serves all."""

    def __init__(self) -> None:
        self._scratch: Any = HdrHistogram(LOWEST_NS, HIGHEST_NS, DIGITS)
        self._counts = np.frombuffer(self._scratch.encoder.get_counts(), dtype=np.uint64)

    def encode(self, batch: Batch) -> str:
        """Base64 text of a batch of counters."""
        self._counts[:] = 0
        self._counts[batch.index] = batch.counts
        self._scratch.total_count = int(batch.counts.sum())
        self._scratch.max_value = max(min(batch.max_ns, HIGHEST_NS), LOWEST_NS)
        return str(self._scratch.encode().decode("ascii"))


def interval_line(encoder: Encoder, start_s: float, length_s: float, batch: Batch) -> str:
    """One line of an interval log: start and length in seconds, the maximum in milliseconds, the histogram.

    Format: HdrHistogram interval log 1.3.
    """
    max_ms = min(batch.max_ns, HIGHEST_NS) / 1e6
    return f"{start_s:.3f},{length_s:.3f},{max_ms:.6f},{encoder.encode(batch)}\n"


def log_header(started_at: float) -> str:
    """The first lines of an interval log that starts at `started_at` (seconds since 1970, UTC)."""
    return (
        "#[Histogram log format version 1.3]\n"
        f"#[StartTime: {started_at:.3f} (seconds since epoch)]\n"
        '"StartTimestamp","Interval_Length","Interval_Max","Interval_Compressed_Histogram"\n'
    )
