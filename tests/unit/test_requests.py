"""Requests: every one offered is counted once, in the second it belongs to, and latencies are of the right ones."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakestorm.record.manifest import COUNTS
from lakestorm.record.requests import Outcome, RequestRecord

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lakestorm.record.manifest import RequestSummary

ORIGIN_S = 5000.0
ANSWERED = (Outcome.COMPLETED, Outcome.REFUSED, Outcome.FAILED)
ENDS = ("completed", "refused", "failed", "skipped", "cancelled")


@dataclasses.dataclass(frozen=True)
class Request:
    """A request's life, in seconds since the run's start; `own_s`, `pool_s`, `slip_s` are its parts of waiting."""

    intended: float
    outcome: Outcome = Outcome.COMPLETED
    own_s: float = 0.0
    pool_s: float = 0.0
    slip_s: float = 0.0
    service_s: float = 0.01
    retried: int = 0
    was_sent: bool = True

    @property
    def started(self) -> float:
        """When its service began; NaN if it never did."""
        at = self.intended + self.own_s + self.pool_s + self.slip_s
        return at if self.was_sent and self.outcome is not Outcome.SKIPPED else math.nan

    @property
    def ended(self) -> float:
        """When it was over."""
        return self.intended + self.own_s + self.pool_s + self.slip_s + self.service_s

    def row(self) -> list[float]:
        """As the record takes it, by a clock that started long before the run."""
        previous = self.intended + self.own_s if self.own_s else self.intended - 1
        free = self.intended + self.own_s + self.pool_s if self.pool_s else self.intended - 2
        times = [self.intended, previous, free, self.started, self.ended]
        return [*(t + ORIGIN_S for t in times), self.outcome, self.retried]


moments = st.floats(0, 100, allow_subnormal=False)
waits = st.one_of(st.just(0.0), st.floats(1e-4, 3))
requests = st.builds(
    Request,
    intended=moments,
    outcome=st.sampled_from(Outcome),
    own_s=waits,
    pool_s=waits,
    slip_s=waits,
    service_s=st.floats(1e-4, 5),
    retried=st.integers(0, 3),
    was_sent=st.booleans(),
).map(lambda r: dataclasses.replace(r, was_sent=r.was_sent or r.outcome in ANSWERED or r.outcome is Outcome.RECOVERED))


def record_of(
    found: Iterable[Request], *, steps: Iterable[float] = (), **options: float
) -> tuple[RequestRecord, RequestRecord]:
    """A record of these requests and that of their refusals, absorbed at some moments and at the end."""
    late_after_s, warmup_s = options.get("late_after_s", 0.0), options.get("warmup_s", 0.0)
    closed_loop = bool(options.get("closed_loop"))
    refusals = RequestRecord("PG order.sold_out", warmup_s=warmup_s, offers=False, closed_loop=closed_loop)
    record = RequestRecord(
        "PG order.buy", warmup_s=warmup_s, late_after_s=late_after_s, closed_loop=closed_loop, refusals=refusals
    )
    record.origin_s = refusals.origin_s = ORIGIN_S
    for request in found:
        record.rows.extend(request.row())
    for moment in (*steps, math.inf):
        for _ in record.absorb(record.take(moment)):
            pass
    return record, refusals


def ends_of(summary: RequestSummary) -> int:
    """Sum of completed + refused + failed + skipped + cancelled."""
    return sum(getattr(summary, name) for name in ENDS)


@given(st.lists(requests, max_size=30), st.lists(moments, max_size=3).map(sorted), st.sampled_from([0.0, 20.0]))
def test_what_was_offered_became_something(found: list[Request], steps: list[float], warmup_s: float) -> None:
    """Always offered = completed + refused + failed + skipped + cancelled, in total and measured, however it is cut."""
    record, refusals = record_of(found, steps=steps, warmup_s=warmup_s)
    spans = record.tally.spans()
    measured = [r for r in found if r.intended >= warmup_s]
    assert spans.total.offered == ends_of(spans.total) == len(found)
    assert spans.measured.offered == ends_of(spans.measured) == len(measured)
    assert refusals.tally.spans().total.offered is None
    assert refusals.tally.spans().total.completed == spans.total.refused
    assert not len(record.rows)


@given(st.lists(requests, max_size=30), st.lists(moments, max_size=3).map(sorted), st.booleans())
def test_each_count_is_in_its_second(found: list[Request], steps: list[float], closed_loop: bool) -> None:  # noqa: FBT001
    """Offered, skipped and late belong to the second intended, started to that of the start, the rest to the end's."""
    record, refusals = record_of(found, steps=steps, late_after_s=1.0, closed_loop=closed_loop)
    expected: dict[tuple[int, str], int] = {}

    def count(name: str, moment: float) -> None:
        expected[int(moment), name] = expected.get((int(moment), name), 0) + 1

    names = {Outcome.RECOVERED: "completed"} | {o: o.name.lower() for o in Outcome if o is not Outcome.RECOVERED}
    for r in found:
        row = [value - ORIGIN_S for value in r.row()[:5]]
        intended, started, ended = row[0], row[3], row[4]
        count("offered", intended)
        count(names[r.outcome], intended if r.outcome is Outcome.SKIPPED else ended)
        if r.outcome is Outcome.RECOVERED:
            count("recovered", ended)
        if not math.isnan(started):
            count("started", started)
        if r.retried:
            count("retried", ended)
        if r.outcome in ANSWERED and ended - intended > 1.0 and not closed_loop:
            count("late", intended)
    seconds = range(record.tally.timeline.seconds)
    shown = {
        (s, name): record.tally.timeline.at(s, name)
        for s in seconds
        for name in COUNTS
        if record.tally.timeline.at(s, name)
    }
    assert shown == expected
    totals = {name: sum(n for (_, of), n in expected.items() if of == name) for name in COUNTS}
    assert {name: getattr(record.tally.spans().total, name) for name in COUNTS} == totals
    refused = sum(refusals.tally.timeline.at(s, "completed") for s in range(refusals.tally.timeline.seconds))
    assert refused == totals["refused"]


@given(st.lists(requests, max_size=40), st.sampled_from([0.0, 20.0]))
def test_latencies_are_of_the_answered(found: list[Request], warmup_s: float) -> None:
    """Response, service, wait and slip are of completed buys; refusals' stand under a name of their own."""
    record, refusals = record_of(found, warmup_s=warmup_s)
    for of, outcome in ((record, Outcome.COMPLETED), (refusals, Outcome.REFUSED)):
        for span, least in ((of.tally.spans().total, 0.0), (of.tally.spans().measured, warmup_s)):
            mine = [r for r in found if r.outcome is outcome and r.intended >= least]
            for name, seconds in {
                "response_ms": [r.ended - r.intended for r in mine],
                "service_ms": [r.service_s for r in mine],
                "wait_ms": [r.own_s + r.pool_s + r.slip_s for r in mine],
                "slip_ms": [r.slip_s for r in mine],
            }.items():
                shown = getattr(span, name)
                if not mine:
                    assert shown is None
                    continue
                assert shown.count == len(mine)
                assert shown.max == pytest.approx(max(seconds) * 1e3, abs=1e-3)
                assert shown.mean == pytest.approx(np.mean(seconds) * 1e3, abs=1e-3)
            waited = {what: sum(getattr(r, f"{what}_s") for r in mine) * 1e3 for what in ("own", "pool", "slip")}
            assert span.waited_ms == pytest.approx(waited, abs=1e-3)


@given(st.lists(requests, min_size=1, max_size=40))
def test_dropped_work_never_looks_fast(found: list[Request]) -> None:
    """`response_ms_of_offered` ranks what failed, was skipped, cancelled or only found later as infinite."""
    record, _ = record_of(found)
    shown = record.tally.spans().total.response_ms_of_offered
    values = sorted(
        (r.ended - r.intended) * 1e3 if r.outcome is Outcome.COMPLETED else math.inf
        for r in found
        if r.outcome is not Outcome.REFUSED
    )
    if not values:
        assert shown is None
        return
    assert shown is not None
    assert shown.count == len(values)
    for name, rank in (("p50", 0.5), ("p99", 0.99)):
        exact = values[max(1, math.ceil(round(rank * len(values), 6))) - 1]
        if math.isinf(exact):
            assert getattr(shown, name) is None
        else:
            assert getattr(shown, name) == pytest.approx(exact, rel=1e-3, abs=1e-3)


def test_recovered_is_completed_without_a_latency() -> None:
    """An order whose answer was lost and that stands in the table is completed, and its time is not made up."""
    record, _ = record_of([Request(1.0), Request(2.0, Outcome.RECOVERED, service_s=9)])
    total = record.tally.spans().total
    assert (total.offered, total.completed, total.recovered, total.failed) == (2, 2, 1, 0)
    assert total.response_ms is not None
    assert total.response_ms.count == 1
    assert total.response_ms.max == pytest.approx(10, rel=1e-3)


def test_waiting_is_told_by_what_for() -> None:
    """The user's own earlier request comes first, then the pool, then the generator itself."""
    record, _ = record_of([Request(1.0, own_s=0.3, pool_s=0.2, slip_s=0.1)])
    assert record.tally.spans().total.waited_ms == pytest.approx({"own": 300, "pool": 200, "slip": 100}, rel=1e-6)


def test_a_closed_loop_has_no_response() -> None:
    """Where nothing is intended beforehand there is service and slip, but neither response, wait nor lateness."""
    record, refusals = record_of(
        [Request(1.0, service_s=3), Request(2.0, Outcome.REFUSED)], closed_loop=1, late_after_s=1
    )
    for of in (record, refusals):
        total = of.tally.spans().total
        assert total.response_ms is total.response_ms_of_offered is total.wait_ms is None
        assert total.service_ms is not None
        assert total.late == 0


def test_the_warm_up_is_split_at_the_moment_intended() -> None:
    """What was intended before is in total only, though it ended after; errors and retries follow their requests."""
    record, _ = record_of(
        [Request(9.999, service_s=5), Request(10.0), Request(10.5, Outcome.FAILED), Request(3.0, Outcome.FAILED)],
        warmup_s=10.0,
    )
    for intended in (3.0, 10.5):
        record.count_error("40P01", ORIGIN_S + intended, ORIGIN_S + intended + 0.01)
        record.count_retry("40001", ORIGIN_S + intended)
    spans = record.tally.spans()
    assert (spans.total.completed, spans.measured.completed) == (2, 1)
    assert (spans.total.errors, spans.measured.errors) == ({"40P01": 2}, {"40P01": 1})
    assert (spans.total.retries, spans.measured.retries) == ({"40001": 2}, {"40001": 1})
    assert dict(record.tally.error_seconds) == {(3, "40P01"): 1, (10, "40P01"): 1}


def test_without_a_warm_up_measured_is_total() -> None:
    """No warm-up, no difference; and nothing is counted twice."""
    record, _ = record_of([Request(0.0), Request(1.0, Outcome.FAILED, retried=2)])
    record.count_error("08006", ORIGIN_S + 1.0, ORIGIN_S + 1.01)
    spans = record.tally.spans()
    assert spans.total == spans.measured
    assert spans.total.errors == {"08006": 1}


def test_taking_leaves_what_is_not_over() -> None:
    """Rows are taken once, those that ended before a moment; the others wait."""
    record = RequestRecord("PG order.buy")
    record.origin_s = ORIGIN_S
    for moment in (0.5, 1.5, 2.5):
        record.rows.extend(Request(moment).row())
    assert record.take(0.0).shape == (0, 7)
    assert [row[0] for row in record.take(2.0)] == pytest.approx([0.5, 1.5])
    assert [row[0] for row in record.take()] == pytest.approx([2.5])
    assert record.take().shape == (0, 7)


def test_each_second_is_handed_on_with_its_durations() -> None:
    """Whoever writes the logs gets each second in which requests ended, with all kinds of durations, in seconds."""
    record = RequestRecord("PG order.buy", refusals=RequestRecord("PG order.sold_out", offers=False))
    for request in (Request(0.2, slip_s=0.1), Request(1.95, service_s=0.1), Request(2.5, Outcome.REFUSED)):
        record.rows.extend(request.row())
    record.origin_s = ORIGIN_S
    handed = {(of.name, of.second): of for of in record.absorb(record.take())}
    assert sorted(handed) == [("PG order.buy", 0), ("PG order.buy", 2), ("PG order.sold_out", 2)]
    first = handed["PG order.buy", 0].batches
    assert set(first) == {"response", "service", "wait", "slip"}
    assert first["slip"].max_ns / 1e9 == pytest.approx(0.1, rel=1e-6)
    assert handed["PG order.buy", 2].answers_s == pytest.approx([0.1], rel=1e-6)


@given(st.booleans())
def test_an_answer_is_a_response_or_a_service(closed_loop: bool) -> None:  # noqa: FBT001
    """What stands for an answer is the response; the service where there is none."""
    record = RequestRecord("PG order.buy", closed_loop=closed_loop)
    record.origin_s = ORIGIN_S
    record.rows.extend(Request(0.0, slip_s=0.5, service_s=0.25).row())
    (second,) = record.absorb(record.take())
    assert second.answers_s == pytest.approx([0.25 if closed_loop else 0.75])
