"""What each section of the report says, from results made by hand."""

from __future__ import annotations

import dataclasses
import itertools
import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakestorm.record.folder import Results
from lakestorm.record.histograms import Histogram
from lakestorm.record.manifest import COUNTS, ShapeSummary, ThresholdResult
from lakestorm.record.tables import ProbeSeries, Seconds
from lakestorm.record.timeline import PERCENTILES
from lakestorm.report import pictures, timescale
from lakestorm.report.sections import (
    answer,
    books,
    distribution,
    failures,
    requests,
    sale,
    setup,
    throughput,
    times,
    waits,
)
from lakestorm.report.timescale import TimeScale, time_scale
from tests.unit import made_runs

if TYPE_CHECKING:
    from lakestorm.record.manifest import Run

BUY = made_runs.BUY
THIN = "\u2009"


def seconds(**counts: list[int]) -> Seconds:
    """Seconds with these counts, zeros elsewhere, and a p50 … p99.9 of 1 … 5 ms in each."""
    length = max((len(values) for values in counts.values()), default=0)
    given_ = {name: np.array(counts.get(name, [0] * length), dtype=np.int64) for name in COUNTS}
    return Seconds(given_, {name: np.full(length, i + 1.0) for i, name in enumerate(PERCENTILES)})


def results(run: Run | None = None, **fields: Any) -> Results:
    """Results of a run of 60 s without any file but run.json, unless changed."""
    run = run or made_runs.run()
    empty: dict[str, Any] = {"timeline": {}, "errors": {}, "probes": {}, "ledger": run.ledger, "distributions": {}}
    return Results(run=run, **empty | fields)


def scale(length: int, width: int = 1) -> TimeScale:
    """A time scale without phases and events."""
    return TimeScale(seconds=length, width_s=width, started_at=0.0)


def histogram(*durations_s: float) -> Histogram:
    """A distribution."""
    found = Histogram()
    found.add(np.array(durations_s))
    return found


# ------------------------------------------------------------------------------------------------- the time axis


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


# ------------------------------------------------------------------------------------------------- pictures


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


# ------------------------------------------------------------------------------------------------- the answer


def test_the_verdict_stands_first_and_once() -> None:
    """Its word is taken from the sentence; further reasons follow; facts are of the first request that offers."""
    run = made_runs.run(verdict="fail", reasons=["Failed: 3 lines are lost.", "And p99 was 80 ms."])
    found = answer.answer(results(run))
    assert (found.word, found.headline, found.reasons) == ("Failed", "3 lines are lost.", ["And p99 was 80 ms."])
    assert [(f.label, f.value, f.bad) for f in found.facts] == [
        (f"{BUY} offered", f"1{THIN}000", False),
        ("completed", "990", False),
        ("refused", "10", False),
        ("failed, skipped, cancelled", "0", False),
        ("p99 response", "38.2 ms", False),
        ("duration", "1 m 0 s", False),
    ]


def test_unfinished_work_is_red() -> None:
    """Failed and skipped requests mark their fact; a request that the end cut off does not."""
    for changes, bad in (({"failed": 1}, True), ({"skipped": 1}, True), ({"cancelled": 1}, False)):
        run = made_runs.run(buys=made_runs.request(**changes))
        assert next(f.bad for f in answer.facts(results(run)) if f.label.startswith("failed")) is bad


def test_a_run_without_requests_and_reasons_has_an_answer() -> None:
    """Nothing is made up."""
    found = answer.answer(results(made_runs.run(requests={}, reasons=[], ended_at=None)))
    assert (found.headline, found.reasons, found.facts) == ("", [], [])


# ------------------------------------------------------------------------------------------------- offered and answered


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


# ------------------------------------------------------------------------------------------------- times


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


# ------------------------------------------------------------------------------------------------- sale and probes


def series(values: list[float], unit: str = "units", errors: list[str] | None = None) -> ProbeSeries:
    """Readings once a second from 1 s on."""
    return ProbeSeries(unit, np.arange(1.0, len(values) + 1), np.array(values), errors or [])


def test_it_is_said_when_the_sale_sold_out() -> None:
    """The first refusal, how many, and when which stock was gone."""
    found = results(
        timeline={BUY: seconds(offered=[9, 9, 9], refused=[0, 2, 3])},
        probes={("stock", "left"): series([50, 20, 7]), ("stock", "hot_left"): series([5, 0, 0])},
    )
    picture = sale.sale(found, scale(3))
    assert picture is not None
    assert picture.answer == (
        "The first refusal came 1 s after the start; 5 were refused in all. Units left: 50 at first, 7 at the end."
        " Units left, hot items: 5 at first, 0 at the end, none 2 s after the start."
    )
    assert [trace["hovertemplate"].split(" %")[0] for trace in picture.figure["data"]] == [
        "units left",
        "units left, hot items",
        "refused",
    ]
    assert sale.sale(results(), scale(3)) is None


def test_a_probe_that_could_not_read_says_so() -> None:
    """Never a zero in its place."""
    failed = series([math.nan, math.nan], errors=["08006", "08006"])
    assert sale.series_in_words("lag", failed) == "Lag: never read. It could not be read 2 times (08006)."
    half = series([4.0, math.nan, 9.0, 6.0], errors=["08006"])
    said = "Lag: 4 at first, 6 at the end, at most 9 3 s after the start. It could not be read 1 times (08006)."
    assert sale.series_in_words("lag", half) == said


def test_any_probe_has_a_picture() -> None:
    """One for each probe that nobody has described, with what it read by name and unit."""
    probes = {
        ("slot", "lag"): series([1.0], "bytes"),
        ("slot", "age"): series([2.0], "s"),
        ("group", "lag"): series([3.0]),
    }
    found = sale.other_probes(results(probes=probes), scale(1))
    assert [(p.name, p.question) for p in found] == [
        ("probe-0", "What did the probe slot read?"),
        ("probe-1", "What did the probe group read?"),
    ]
    assert found[0].key == [("--reading", "slot lag (bytes)"), ("--reading", "slot age (s)")]


# ------------------------------------------------------------------------------------------------- failures


def test_failures_are_told_by_code_the_most_frequent_first() -> None:
    """With what the code means, how many, from when to when; beyond six codes the rest share a row."""
    errors = {"57014": {1: 2}, "40P01": {0: 3, 2: 4}, **{f"X{i}": {5: 1} for i in range(6)}}
    picture = failures.failures_over_time(results(errors=errors), scale(4))
    assert picture is not None
    assert picture.answer.startswith(
        "7 by 40P01 deadlock, the first at the start, the last 2 s after the start; 2 by 57014"
    )
    labels = [trace["hovertemplate"].split(" %")[0] for trace in picture.figure["data"]]
    assert (labels[0], labels[-1], len(labels)) == ("40P01 deadlock", "2 other codes", 7)
    assert picture.figure["data"][-1]["y"][-1] == 2.0  # after the end counts as the last second
    assert failures.failures_over_time(results(), scale(4)) is None


def test_retries_stand_beside_failures() -> None:
    """Codes that were only tried again are listed too."""
    run = made_runs.run(buys=made_runs.request(errors={"57014": 2}, retries={"40001": 9, "57014": 1}))
    found = [(f.code, f.failed, f.retried, f.meaning) for f in failures.failures(results(run))]
    assert found == [("57014", 2, 1, "cancelled by its time limit"), ("40001", 0, 9, "serialization failure")]


# ------------------------------------------------------------------------------------------------- waits


def test_shares_of_all_time_are_told_the_largest_first() -> None:
    """Service from its mean, waiting as recorded; shares sum to 100."""
    service = made_runs.latency(count=1000, mean=3.0)
    run = made_runs.run(
        buys=made_runs.request(service_ms=service, waited_ms={"own": 500.0, "pool": 6000.0, "slip": 500.0})
    )
    found = waits.who_waited(results(run))
    assert found is not None
    assert found.answer.endswith(
        "60 % a free connection, 30 % being served, 5 % the user's own earlier request, 5 % the generator itself."
    )
    assert sum(found.rows[0].percent(part) for part in waits.PARTS) == pytest.approx(100)
    assert waits.who_waited(results(made_runs.run(requests={}))) is None


def test_a_closed_loop_waits_for_nothing_that_was_meant() -> None:
    """Without wait there is service, and the generator's own delay."""
    closed = made_runs.request(wait_ms=None, waited_ms={"own": 10.0, "pool": 10.0, "slip": 1.0})
    found = waits.waits_of("x", closed)
    assert (found.seconds["own"], found.seconds["pool"], found.seconds["slip"]) == (0.0, 0.0, 0.001)


# ------------------------------------------------------------------------------------------------- books and tables


def test_the_books_are_an_equation() -> None:
    """With its numbers, in words, and what should be 0."""
    found = books.books(results())
    assert found is not None
    assert [(t.sign, t.value) for t in found.terms] == [("", f"1{THIN}000"), ("+", "0"), ("−", "10"), ("=", "990")]
    assert found.answer == "The books balance."
    assert not any(entry.bad for entry in found.entries)


def test_books_that_do_not_balance_say_where() -> None:
    """The equation's sign, what is wrong, and samples."""
    ledger = made_runs.with_ledger(
        state="open",
        reasons=["3 lines are lost."],
        net_sold=993,
        lost=3,
        samples={"lost": ["ref-1"]},
        oversold_items={7: 2},
    )
    found = books.books(results(made_runs.run(ledger=ledger)))
    assert found is not None
    assert found.terms[-1].sign == "≠"
    assert found.answer == "The books do not balance. 3 lines are lost."
    assert [entry.label for entry in found.entries if entry.bad] == ["acknowledged and not in the table"]
    assert list(found.samples.values()) == [["ref-1"], ["7 (2)"]]


def test_books_audited_again_say_so() -> None:
    """Where a later audit came to something else than the verdict's."""
    found = books.books(results(ledger=made_runs.with_ledger(state="open")))
    assert found is not None
    assert found.answer.endswith("They were audited again after the verdict was given.")
    assert books.books(results(made_runs.run(ledger={}))) is None


def test_books_of_another_kind_are_shown_without_a_stock_equation() -> None:
    """Whatever whole numbers they have, by their names."""
    found = books.books(results(ledger={"state": "closed", "events_sent": 12}))
    assert found is not None
    assert (found.terms, [(e.label, e.value) for e in found.entries]) == ([], [("events sent", "12")])


def test_a_killed_run_has_its_requests_from_its_files() -> None:
    """Counts from the timeline, times from the histograms."""
    killed = results(
        made_runs.run(requests={}),
        timeline={BUY: seconds(offered=[3, 4], completed=[2, 1])},
        distributions={(BUY, "response"): histogram(0.002), (BUY, "slip"): histogram(0.001)},
    )
    row = requests.request_rows(killed)[0]
    assert (row.counts["offered"], row.counts["completed"], row.kind) == (7, 3, "response")
    assert (row.percentiles["p99"], row.p99s) == (2.0, {"service": None, "wait": None, "slip": 1.0})


def test_settings_and_machine_are_listed() -> None:
    """Whatever environment holds, one row a value, settings in order; what is empty is left out."""
    run = made_runs.run(
        settings={"B": "läden 店", "A": "1"},
        environment={"cores": 2, "memory_bytes": 2**34, "commit": "", "packages": {"locust": "2.47.0"}},
        instrument={"loop_lag_ms": {"p99": 0.5, "max": 3.0}, "cpu_percent": {"mean": 12.0, "max": 30.0}},
    )
    found = setup.setup(dataclasses.replace(run, ended_at=None))
    assert found.settings == [("A", "1"), ("B", "läden 店")]
    assert found.machine[1:] == [
        ("started", "2027-01-15 08:00:00 UTC"),
        ("cores", "2"),
        ("memory", "16 GiB"),
        ("locust", "2.47.0"),
    ]
    assert [value for _, value in found.generator] == ["0.5 ms", "3 ms", "12 % mean, 30 % at most"]
