"""Latency distributions with three significant digits from 1 ns to 1 h, whole batches at a time.

The layout of counters is HdrHistogram's (1 ns … 3.6e12 ns, 3 digits), so that its tools read what is written here.
Filling goes through numpy, a batch a second, because one `record_value` a sample would cost a request 4 µs.
"""

from __future__ import annotations

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
        if not len(seconds):
            return
        values = np.maximum(np.rint(seconds * 1e9).astype(np.int64), 0)
        batch = np.bincount(index_of(values))
        self.counts[: len(batch)] += batch
        self.count += len(values)
        self.sum_ns += int(values.sum())
        self.min_ns = min(self.min_ns, int(values.min()))
        self.max_ns = max(self.max_ns, int(values.max()))

    def merge(self, other: Histogram) -> None:
        """Add another's samples to this one's."""
        self.counts += other.counts
        self.count += other.count
        self.sum_ns += other.sum_ns
        self.min_ns = min(self.min_ns, other.min_ns)
        self.max_ns = max(self.max_ns, other.max_ns)

    def quantiles_ns(self, quantiles: Sequence[float], unfinished: int = 0) -> list[float]:
        """`inverted_cdf` values in nanoseconds; `unfinished` samples more rank as infinite.

        NaN without samples. Error ≤ 0.1 % of the value (three significant digits).
        """
        total = self.count + unfinished
        if not total:
            return [math.nan] * len(quantiles)
        cumulative = np.cumsum(self.counts)
        ranks = [max(1, math.ceil(round(q * total, 6))) for q in quantiles]
        found = np.searchsorted(cumulative, ranks)
        return [
            float(min(highest_of(int(i)), self.max_ns)) if rank <= self.count else math.inf
            for i, rank in zip(found, ranks, strict=True)
        ]

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

    def encode(self, counts: Integers, max_ns: int) -> str:
        """Base64 text of a batch of counters (`counts` may be shorter than COUNTERS)."""
        self._counts[:] = 0
        self._counts[: len(counts)] = counts
        self._scratch.total_count = int(counts.sum())
        self._scratch.max_value = max(max_ns, LOWEST_NS)
        return str(self._scratch.encode().decode("ascii"))


def interval_line(encoder: Encoder, start_s: float, length_s: float, seconds: Floats) -> str:
    """One line of an interval log: start and length in seconds, the maximum in milliseconds, the histogram.

    Format: HdrHistogram interval log 1.3.
    """
    values = np.maximum(np.rint(seconds * 1e9).astype(np.int64), 0)
    max_ns = min(int(values.max()), HIGHEST_NS) if len(values) else 0
    text = encoder.encode(np.bincount(index_of(values)), max_ns)
    return f"{start_s:.3f},{length_s:.3f},{max_ns / 1e6:.6f},{text}\n"


def log_header(started_at: float) -> str:
    """The first lines of an interval log that starts at `started_at` (seconds since 1970, UTC)."""
    return (
        "#[Histogram log format version 1.3]\n"
        f"#[StartTime: {started_at:.3f} (seconds since epoch)]\n"
        '"StartTimestamp","Interval_Length","Interval_Max","Interval_Compressed_Histogram"\n'
    )
