"""What the report draws: the time axis, offered against answered, times over time and by size."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakestorm.record.manifest import ShapeSummary, ThresholdResult
from lakestorm.report import pictures, timescale
from lakestorm.report.sections import (
    distribution,
    throughput,
    times,
)
from lakestorm.report.timescale import time_scale
from tests.unit import made_runs
from tests.unit.made_results import BUY, histogram, results, scale, seconds


@given(st.lists(st.integers(0, 10**9), max_size=60), st.integers(1, 60), st.integers(1, 20))
def test_buckets_keep_sums_and_maxima(counts: list[int], length: int, width: int) -> None:
    """Rates times widths are all that was counted; the highest second of a bucket is never lost."""
    counts = counts[:length]
    of = scale(length, width)
    widths = np.diff(of.edges)
    assert widths.sum() == length
    assert (of.rates(np.array(counts, dtype=np.int64)) * widths).sum() == pytest.approx(sum(counts))
    worst = of.maxima(np.array(counts, dtype=np.float64))
    assert len(worst) == len(widths)
    assert np.nanmax(worst, initial=-1) == max(counts, default=-1)


@pytest.mark.parametrize(
    ("length", "width"), [(1, 1), (60, 1), (900, 1), (901, 2), (3600, 5), (86_400, 120), (10**7, 10**7 // 900 + 1)]
)
def test_a_long_run_has_no_more_points_than_pixels(length: int, width: int) -> None:
    """Buckets widen with the run; how wide one is stands in the captions."""
    ended = made_runs.run(ended_at=1_800_000_000.0 + length)
    found = time_scale(results(ended))
    assert (found.seconds, found.width_s) == (length, width)
    assert len(found.edges) <= timescale.POINTS_MAX + 1
    assert found.note.startswith(f"One point is {width} s") == (width > 1)


def test_a_run_without_anything_has_one_second() -> None:
    """A killed run without a file still has an axis."""
    found = time_scale(results(made_runs.run(ended_at=None)))
    assert (found.seconds, found.edges) == (1, [0, 1])


def test_events_stand_in_order_with_their_reason() -> None:
    """The warm-up's end, the doors, and why the load ended, in words."""
    run = made_runs.run(warmup_s=5.0, doors_open_s=2.5, stopped_by="threshold")
    assert [(e.at_s, e.label) for e in timescale.events(run)] == [
        (2.5, "doors open"),
        (5.0, "warm-up ends"),
        (60.0, "load ended: a threshold stopped it"),
    ]


def test_slopes_of_a_shape_are_found_and_plateaus_left_alone() -> None:
    """Up for a fifth, level, down for a tenth; a jump of one sample is no phase."""
    profile = [min(i / 20, 1.0, (100 - i) / 10) for i in range(100)]
    users = [(i * 0.6, round(200 * part)) for i, part in enumerate(profile)]
    found = timescale.slopes(users, 60.0)
    assert [(p.what, round(p.from_s), round(p.to_s)) for p in found] == [("rising", 0, 12), ("falling", 54, 60)]
    assert timescale.slopes([(0.0, 0), (1.0, 100), (99.0, 100)], 100.0) == []
    assert timescale.slopes([], 10.0) == []


@given(st.lists(st.floats(-10, 10), max_size=8), st.floats(0.01, 0.1))
def test_direct_labels_never_overlap(places: list[float], gap: float) -> None:
    """However close their lines end, labels keep a gap and stay inside the axis where there is room."""
    found = pictures.spread(sorted(places), gap, -1.0, 1.0)
    assert all(b - a >= gap - 1e-9 for a, b in itertools.pairwise(found))
    assert all(-1.0 - 1e-9 <= at <= 1.0 + 1e-9 for at in found)


@pytest.mark.parametrize(
    ("highest", "ticks"),
    [
        (0.0, ["0.1 ms", "0.2 ms", "0.5 ms", "1 ms"]),
        (40.0, ["0.1 ms", "1 ms", "10 ms"]),
        (9.0, ["0.1 ms", "0.2 ms", "0.5 ms", "1 ms", "2 ms", "5 ms", "10 ms"]),
        (2e6, ["0.1 ms", "1 ms", "10 ms", "100 ms", "1 s", "10 s", "100 s", "1000 s"]),
    ],
)
def test_times_stand_on_a_log_axis_from_a_tenth_of_a_millisecond(highest: float, ticks: list[str]) -> None:
    """Ticks say their unit; the highest value lies inside."""
    axis = pictures.latency_axis(highest)
    assert axis["ticktext"] == ticks
    assert axis["range"][0] == -1.0
    assert 10 ** axis["range"][1] > highest


def test_what_is_no_number_is_null() -> None:
    """JSON has neither NaN nor infinity."""
    assert pictures.numbers([1.23456, math.nan, math.inf, 7]) == [1.235, None, None, 7.0]


def test_backlog_is_what_was_offered_and_not_yet_ended() -> None:
    """The most at the end of a second, and which."""
    of = seconds(offered=[10, 10, 0, 0], completed=[4, 2, 0, 10], refused=[0, 1, 0, 0], failed=[0, 0, 3, 0])
    assert throughput.backlog(of.counts) == (13, 1)


@pytest.mark.parametrize(
    ("completed", "said"),
    [
        ([95, 0], "Yes: of 100 offered requests 95 were completed (95 % answered). Most in one second: 100, at the"),
        ([94, 0], "No: of 100 offered requests 94 were completed (94 % answered)."),
    ],
)
def test_it_is_said_whether_it_kept_up(completed: list[int], said: str) -> None:
    """By the default rule's own share."""
    assert throughput.kept_up(seconds(offered=[100, 0], completed=completed).counts).startswith(said)


def test_only_names_that_offer_are_summed() -> None:
    """Refusals' own names would count twice."""
    both = {
        BUY: seconds(offered=[5, 5], completed=[3, 3], refused=[2, 2]),
        "PG order.sold_out": seconds(completed=[2, 2]),
    }
    picture = throughput.throughput(results(timeline=both), scale(2))
    assert picture is not None
    by_label = {trace["hovertemplate"].split(" %")[0]: trace["y"] for trace in picture.figure["data"]}
    assert by_label == {"completed": [3, 3, 3], "refused": [2, 2, 2], "offered": [5, 5, 5]}
    assert throughput.throughput(results(), scale(2)) is None


def test_the_shape_stands_behind() -> None:
    """Users have an axis of their own, at the right, under the requests'."""
    shape = ShapeSummary(name="Spike", peak_users=50, run_time_s=2.0, doors_open_s=None, users=[(0.0, 1), (1.0, 50)])
    found = results(made_runs.run(shape=shape), timeline={BUY: seconds(offered=[5, 5])})
    picture = throughput.throughput(found, scale(2))
    assert picture is not None
    users, *others = picture.figure["data"]
    assert (users["x"], users["y"], users.get("yaxis", "y")) == ([0.0, 1.0, 2.0], [1, 50, 50], "y")
    assert {trace["yaxis"] for trace in others} == {"y2"}
    assert picture.figure["layout"]["yaxis"]["range"][1] > 50


def threshold(expression: str, result: Any = "pass", target: str = BUY) -> ThresholdResult:
    """A judged threshold."""
    return ThresholdResult(target=target, expression=expression, abort=False, result=result, value="")


@pytest.mark.parametrize(
    ("expression", "found"),
    [
        ("response_ms.p99 < 50", [("p99", 50.0)]),
        ("abort: if any: response_ms.p999 <= 0.5e3", [("p999", 500.0)]),
        ("response_ms.p99 > 50", []),
        ("2 * response_ms.p99 < 50", []),
        ("service_ms.p99 < 50", []),
        ("failed / offered < 0.01", []),
        ("no language of ours", []),
    ],
)
def test_thresholds_on_a_percentile_are_drawn(expression: str, found: list[tuple[str, float]]) -> None:
    """`response_ms.pXX < N` of this request name; all others stand in the table only."""
    run = made_runs.run(thresholds=[threshold(expression), threshold("response_ms.p99 < 7", target="other")])
    assert [(limit.percentile, limit.at_ms) for limit in times.limits(results(run), BUY, "response")] == found


def test_bands_are_interrupted_where_no_answer_came() -> None:
    """One outline an unbroken stretch; a single second has a width."""
    low, high = np.array([1.0, np.nan, 2.0, 3.0]), np.array([5.0, np.nan, 6.0, 7.0])
    x, y = times.outline([0, 1, 2, 3, 4], low, high)
    assert x == [0, 1, 1, 0, None, 2, 3, 3, 4, 4, 3, 3, 2, None]
    assert y == [5, 5, 1, 1, None, 6, 6, 7, 7, 3, 3, 2, 2, None]


def test_a_limit_is_a_line_red_where_it_failed() -> None:
    """In seconds above it, and in the caption."""
    found = results(
        made_runs.run(thresholds=[threshold("response_ms.p99 < 4", "fail")]),
        timeline={BUY: seconds(offered=[1, 1])},
        distributions={(BUY, "response"): histogram(0.001, 0.002)},
    )
    picture = times.times_over_time(found, scale(2), BUY, 0)
    lines = [shape for shape in picture.figure["layout"]["shapes"] if shape.get("y0") == 4.0]
    assert [line["line"]["color"] for line in lines] == ["--failed"]
    assert "Half of 2 within 1 ms" in picture.answer
    assert "p99 reached its limit of 4 ms in 2 of 2 seconds." in picture.answer


def test_a_closed_loop_shows_service() -> None:
    """Without responses the picture says that it counts from the start."""
    found = results(timeline={BUY: seconds(offered=[1])}, distributions={(BUY, "service"): histogram(0.003)})
    assert "from its start to its answer?" in times.times_over_time(found, scale(1), BUY, 0).question
    picture = distribution.distribution(found, BUY, 0)
    assert picture is not None
    assert picture.answer == "Half took at most 3 ms; 99 % took at most 3 ms; 99.9 % took at most 3 ms."


@given(st.lists(st.floats(1e-4, 10), min_size=1, max_size=400))
def test_a_distribution_rises_to_its_last_sample(durations: list[float]) -> None:
    """Percentiles never fall; the curve ends at the maximum where it can tell so much."""
    x, y = distribution.curve(histogram(*durations))
    assert (np.diff(y) >= 0).all()
    assert x[-1] == min(len(durations), 10_000)
    assert y[-1] == pytest.approx(max(durations) * 1e3, rel=2e-3)
