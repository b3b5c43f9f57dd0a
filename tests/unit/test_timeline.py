"""The timeline: counts by second, percentiles by second, and timeline.csv."""

from __future__ import annotations

import csv
import io
import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakestorm.record.histograms import Batch
from lakestorm.record.manifest import COUNTS
from lakestorm.record.timeline import HEADER, PERCENTILES, Timeline, timeline_csv


@given(st.lists(st.tuples(st.sampled_from(COUNTS), st.lists(st.floats(-1, 500), max_size=20)), max_size=10))
def test_every_moment_is_in_its_second(batches: list[tuple[str, list[float]]]) -> None:
    """Whatever comes in whatever order, each moment adds one to its second; before the start is second 0."""
    line = Timeline()
    expected: dict[tuple[int, str], int] = {}
    for name, moments in batches:
        line.count(name, np.array(moments))
        for moment in moments:
            key = (max(int(moment), 0), name)
            expected[key] = expected.get(key, 0) + 1
    assert {(s, n): line.at(s, n) for s in range(line.seconds) for n in COUNTS if line.at(s, n)} == expected
    assert line.seconds == max((second + 1 for second, _ in expected), default=0)


def test_outside_the_run_nothing_happened() -> None:
    """Seconds before and after have 0 of everything and no percentiles."""
    line = Timeline()
    line.count("offered", np.array([3.0]))
    assert [line.at(second, "offered") for second in (-1, 0, 3, 4, 10**6)] == [0, 0, 1, 0, 0]
    assert line.percentile(3, "p50_ms") is None


@given(st.lists(st.floats(1e-6, 100), min_size=1, max_size=300))
def test_percentiles_are_those_of_the_second(seconds: list[float]) -> None:
    """A second's percentiles are `inverted_cdf` of all its durations, in whichever parts they come, within 0.1 %."""
    line = Timeline()
    for part in (seconds[: len(seconds) // 2], seconds[len(seconds) // 2 :]):
        if part:
            line.measure(7, Batch.of(np.array(part)))
    for name, rank in zip(PERCENTILES, (0.5, 0.9, 0.95, 0.99, 0.999), strict=True):
        exact = np.quantile(seconds, rank, method="inverted_cdf") * 1e3
        assert line.percentile(7, name) == pytest.approx(exact, rel=1e-3, abs=1e-6)


def two_names() -> dict[str, Timeline]:
    """Two names over a hundred seconds."""
    lines = {"PG order.buy": Timeline(), 'PG "läden", 店': Timeline()}
    for offset, line in enumerate(lines.values()):
        line.count("offered", np.arange(offset, 100.0))
        line.measure(50, Batch.of(np.array([0.001, 0.002])))
    return lines


def test_the_file_reads_back() -> None:
    """A CSV reader finds the header once, each second of each name in order, and empty cells where nothing ended."""
    rows = list(csv.DictReader(io.StringIO(timeline_csv(two_names()))))
    assert list(rows[0]) == list(HEADER)
    assert [int(row["second"]) for row in rows] == sorted(second for second in range(100) for _ in range(2))
    assert {row["name"] for row in rows} == {"PG order.buy", 'PG "läden", 店'}
    assert sum(int(row["offered"]) for row in rows) == 199
    assert [row["p50_ms"] for row in rows[98:104]] == ["", "", "1.000447", "1.000447", "", ""]


@given(st.lists(st.integers(0, 100), max_size=6).map(sorted))
def test_parts_make_the_whole(cuts: list[int]) -> None:
    """Written in parts, as seconds pass, it is the same text."""
    lines = two_names()
    cuts = [0, *(cut for cut in cuts if cut), 200]
    parts = [timeline_csv(lines, first, last) for first, last in itertools.pairwise(cuts) if last > first]
    assert "".join(parts) == timeline_csv(lines)
