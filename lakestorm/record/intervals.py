"""HdrHistogram interval logs read back: what `ResultsWriter.log_second` wrote, merged into one distribution.

Format: HdrHistogram log 1.3, lines of start, length, maximum, and a histogram in V2 compressed form.
"""

from __future__ import annotations

import binascii
import zlib
from typing import TYPE_CHECKING

import numpy as np
from hdrh.codec import HdrCookieException, HdrHistogramEncoder, HdrLengthException

from lakestorm.errors import ResultsError
from lakestorm.record.histograms import COUNTERS, DIGITS, HIGHEST_NS, LOWEST_NS, Histogram, highest_of

if TYPE_CHECKING:
    import numpy.typing as npt

    Integers = npt.NDArray[np.int64]

FIELDS = 4
BROKEN = (ValueError, binascii.Error, zlib.error, HdrCookieException, HdrLengthException, IndexError)
"""What the decoder raises on text that is no histogram."""


def distribution_from_log(text: str, place: str, from_s: float = 0.0) -> Histogram:
    """All intervals that start at or after `from_s` as one distribution.

    Percentiles are those of the samples as they were written; minimum and mean are within the counters' 0.1 %.
    A last line without its end, as a kill leaves it, is left out.

    Args:
        text: of the log.
        place: its name, for messages.
        from_s: seconds since the run's start.

    Raises:
        ResultsError: a line is no histogram of this suite; says which.
    """
    counts = np.zeros(COUNTERS, dtype=np.int64)
    max_ns = 0
    for number, line in enumerate(text.split("\n")[:-1], 1):
        if line.startswith(("#", '"')):
            continue
        try:
            start_s, interval_max_ns, encoded = fields_of(line)
            if start_s >= from_s:
                counts += counts_of(encoded)
                max_ns = max(max_ns, interval_max_ns)
        except BROKEN as error:
            raise ResultsError(f"{place}, line {number} is no histogram of this suite: {error!r}.") from error
    return histogram_of(counts, max_ns)


def fields_of(line: str) -> tuple[float, int, str]:
    """Start in seconds, maximum in nanoseconds, and the encoded histogram."""
    fields = line.split(",")
    if len(fields) != FIELDS:
        raise ValueError(f"{len(fields)} fields instead of {FIELDS}")
    return float(fields[0]), round(float(fields[2]) * 1e6), fields[3]


def counts_of(encoded: str) -> Integers:
    """The counters of one interval."""
    payload = HdrHistogramEncoder.decode(encoded)
    header = payload.payload
    layout = (header.lowest_trackable_value, header.highest_trackable_value, header.significant_figures)
    if layout != (LOWEST_NS, HIGHEST_NS, DIGITS):
        raise ValueError(f"counters from {layout[0]} to {layout[1]} with {layout[2]} digits")
    payload.init_counts(COUNTERS)
    return np.frombuffer(payload.get_counts(), dtype=np.int64)


def histogram_of(counts: Integers, max_ns: int) -> Histogram:
    """Counters as a distribution."""
    found = Histogram()
    filled = np.flatnonzero(counts)
    if len(filled):
        found.counts = counts
        found.count = int(counts.sum())
        found.max_ns = max_ns
        found.min_ns = highest_of(int(filled[0]))
        found.sum_ns = sum(highest_of(int(i)) * int(counts[i]) for i in filled)
    return found
