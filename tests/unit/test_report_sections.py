"""What the report says in its other sections: the answer, the sale, failures, waits, books, tables."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from lakestorm.record.tables import ProbeSeries
from lakestorm.report.sections import (
    answer,
    books,
    failures,
    requests,
    sale,
    setup,
    waits,
)
from tests.unit import made_runs
from tests.unit.made_results import BUY, THIN, histogram, results, scale, seconds


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
