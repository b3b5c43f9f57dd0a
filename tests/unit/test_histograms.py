"""Histograms: percentiles within 0.1 %, sums exact, and HdrHistogram's own tools read what is written."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hdrh.histogram import HdrHistogram
from hdrh.log import HistogramLogReader
from hypothesis import given
from hypothesis import strategies as st

from lakestorm.record.histograms import (
    COUNTERS,
    DIGITS,
    HIGHEST_NS,
    LOWEST_NS,
    Batch,
    Encoder,
    Histogram,
    highest_of,
    index_of,
    interval_line,
    log_header,
)

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

RANKS = [0.0, 0.001, 0.1, 0.5, 0.9, 0.95, 0.99, 0.999, 0.9999, 1.0]
STARTED_AT = 1_760_000_000.0
durations = st.lists(st.floats(0, 3600), min_size=1, max_size=200)


def drawn(kind: str, count: int) -> Floats:
    """Durations in seconds of some distribution."""
    rng = np.random.default_rng(count)
    samples: dict[str, Floats] = {
        "constant": np.full(count, 0.0123456789),
        "uniform": rng.uniform(0, 1, count),
        "exponential": rng.exponential(0.01, count),
        "lognormal": rng.lognormal(-6, 2, count),
        "two humps": np.where(rng.random(count) < 0.95, rng.normal(0.002, 1e-4, count), rng.normal(3, 0.1, count)),
        "heavy tail": np.minimum(1e-4 * (1 + rng.pareto(0.7, count)), 3600),
        "nanoseconds": rng.integers(1, 3000, count) / 1e9,
        "powers of two": np.exp2(rng.integers(0, 41, count).astype(np.float64)) / 1e9,
    }
    return samples[kind]


def histogram_of(seconds: Floats) -> Histogram:
    """A histogram of one batch."""
    found = Histogram()
    found.add(seconds)
    return found


KINDS = ["constant", "uniform", "exponential", "lognormal", "two humps", "heavy tail", "nanoseconds", "powers of two"]


@pytest.mark.parametrize("count", [1, 2, 3, 10, 101, 1000, 100_000])
@pytest.mark.parametrize("kind", KINDS)
def test_percentiles_are_those_of_the_samples(kind: str, count: int) -> None:
    """Every percentile is numpy's `inverted_cdf` of the same samples, within 0.1 % and never below it."""
    seconds = drawn(kind, count)
    exact = np.quantile(np.rint(seconds * 1e9), RANKS, method="inverted_cdf")
    found = np.array(histogram_of(seconds).quantiles_ns(RANKS))
    assert (found >= exact).all()
    assert (found <= exact * 1.001).all()


@given(durations, st.integers(0, 50))
def test_unfinished_samples_rank_above_all(seconds: list[float], unfinished: int) -> None:
    """With work that never ended, percentiles are those of the samples and as many infinities."""
    values = np.array([*np.rint(np.array(seconds) * 1e9), *[math.inf] * unfinished])
    found = histogram_of(np.array(seconds)).quantiles_ns(RANKS, unfinished)
    for value, rank in zip(found, RANKS, strict=True):
        exact = np.sort(values)[max(1, math.ceil(round(rank * len(values), 6))) - 1]
        assert value == exact or exact <= value <= max(exact * 1.001, LOWEST_NS)


@given(durations)
def test_sum_minimum_and_maximum_are_exact(seconds: list[float]) -> None:
    """No digit is lost where none must be."""
    found, values = histogram_of(np.array(seconds)), [round(s * 1e9) for s in seconds]
    assert (found.count, found.sum_ns) == (len(values), sum(values))
    assert (found.min_ns, found.max_ns) == (min(values), max(values))
    assert found.quantiles_ns([1.0]) == [max(values)]


@given(st.lists(durations, max_size=5))
def test_merging_is_concatenating(batches: list[list[float]]) -> None:
    """Histograms merged, batches added one after the other, and all samples at once are the same."""
    merged, added = Histogram(), Histogram()
    for batch in batches:
        merged.add_batch(histogram_of(np.array(batch)).batch())
        added.add(np.array(batch))
    whole = histogram_of(np.array([s for batch in batches for s in batch]))
    for other in (merged, added):
        assert (other.counts == whole.counts).all()
        assert (other.count, other.sum_ns) == (whole.count, whole.sum_ns)
        assert (other.min_ns, other.max_ns) == (whole.min_ns, whole.max_ns)
        assert other.latency() == whole.latency()


@given(st.lists(st.integers(0, 2 * HIGHEST_NS), min_size=1, max_size=50))
def test_counters_are_hdrhistograms(values: list[int]) -> None:
    """Each value falls into the counter that HdrHistogram gives it, and the counter's highest value is the same."""
    theirs: Any = HdrHistogram(LOWEST_NS, HIGHEST_NS, DIGITS)
    for value, index in zip(values, index_of(np.array(values, dtype=np.int64)).tolist(), strict=True):
        kept = min(max(value, LOWEST_NS), HIGHEST_NS)
        assert 0 <= index < COUNTERS
        assert theirs._counts_index_for(kept) == index
        assert theirs.get_highest_equivalent_value(kept) == highest_of(index)
        assert kept <= highest_of(index)
        assert index == 0 or highest_of(index - 1) < kept


def test_latencies_are_milliseconds() -> None:
    """What results show is in milliseconds: of 1 to 1000 ms p99 is 990 ms."""
    found = histogram_of(np.arange(1, 1001) / 1e3).latency()
    assert found is not None
    assert (found.count, found.min, found.max) == (1000, 1.0, 1000.0)
    assert found.mean == pytest.approx(500.5)
    shown = [found.p50, found.p90, found.p95, found.p99, found.p999]
    assert shown == pytest.approx([500, 900, 950, 990, 999], rel=1e-3)


def test_no_samples_is_no_number() -> None:
    """Without samples there is no latency and no percentile, not 0."""
    empty = histogram_of(np.array([]))
    assert empty.latency() is None
    assert all(math.isnan(value) for value in empty.quantiles_ns(RANKS))


def test_unfinished_work_is_no_number() -> None:
    """Where work never ended, mean, maximum and the percentiles above it are not known; those below are."""
    found = histogram_of(np.full(90, 0.001)).latency(unfinished=10)
    assert found is not None
    assert found.count == 100
    assert (found.mean, found.max, found.p95, found.p99) == (None, None, None, None)
    assert found.p90 == pytest.approx(1.0)
    nothing = Histogram().latency(unfinished=3)
    assert nothing is not None
    assert (nothing.count, nothing.min, nothing.p50) == (3, None, None)


def test_a_duration_below_or_beyond_is_counted() -> None:
    """A clock that steps back gives 0, hours give the last counter; nothing is lost, nothing breaks."""
    found = histogram_of(np.array([-1.0, 0.0, 1e5]))
    assert (found.count, found.min_ns, found.max_ns) == (3, 0, 10**14)
    assert found.counts.sum() == 3


def log_of(path: Path, seconds: dict[int, Floats]) -> list[Any]:
    """The intervals that hdrhistogram's own reader finds in a log of ours."""
    encoder = Encoder()
    lines = [interval_line(encoder, float(second), 1.0, Batch.of(batch)) for second, batch in seconds.items()]
    path.write_text(log_header(STARTED_AT) + "".join(lines))
    reader = HistogramLogReader(str(path), HdrHistogram(LOWEST_NS, HIGHEST_NS, DIGITS))
    found = []
    while (interval := reader.get_next_interval_histogram()) is not None:
        found.append(interval)
    reader.input_file.close()
    assert reader.get_start_time_sec() == STARTED_AT
    return found


@pytest.mark.parametrize("kind", ["constant", "lognormal", "heavy tail", "nanoseconds"])
def test_hdrhistogram_reads_our_logs(tmp_path: Path, kind: str) -> None:
    """Its own reader finds every second, at its time, with the very counts and maximum that were written."""
    seconds = {3: drawn(kind, 1000), 4: drawn(kind, 1), 70: drawn(kind, 10)}
    found = log_of(tmp_path / "x.hlog", seconds)
    assert len(found) == 3
    for interval, (second, batch) in zip(found, seconds.items(), strict=True):
        assert interval.get_start_time_stamp() == (STARTED_AT + second) * 1e3
        assert interval.get_end_time_stamp() == (STARTED_AT + second + 1) * 1e3
        counts = {
            index_of(np.array([item.value_iterated_to])).item(): item.count_at_value_iterated_to
            for item in interval.get_recorded_iterator()
        }
        ours = histogram_of(batch)
        assert counts == {int(i): int(ours.counts[i]) for i in np.flatnonzero(ours.counts)}
        assert interval.get_total_count() == len(batch)
        assert interval.get_value_at_percentile(99) == pytest.approx(ours.quantiles_ns([0.99])[0], rel=1e-3)


def test_an_encoder_forgets_the_batch_before(tmp_path: Path) -> None:
    """One scratch histogram serves all seconds: a small batch after a large one has nothing of it."""
    large, small = log_of(tmp_path / "x.hlog", {0: np.full(1000, 100.0), 1: np.array([1e-9])})
    assert (large.get_total_count(), small.get_total_count()) == (1000, 1)
    assert small.get_max_value() == 1


def test_a_line_has_the_maximum_in_milliseconds() -> None:
    """The third field is the interval's maximum, as other tools plot it."""
    start, length, maximum, _ = interval_line(Encoder(), 7.0, 1.0, Batch.of(np.array([0.25, 0.0015]))).split(",")
    assert (start, length, maximum) == ("7.000", "1.000", "250.000000")
