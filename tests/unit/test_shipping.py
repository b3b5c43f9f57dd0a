"""Reports of workers: whoever counted, and in however many parts it was told, the sums are those of one process."""

from __future__ import annotations

import math
from pathlib import Path
from tempfile import TemporaryDirectory

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakestorm.record.recorder import Recorder
from lakestorm.record.records import Records
from lakestorm.record.requests import Outcome
from lakestorm.record.results import ResultsWriter, new_folder
from lakestorm.record.shipping import report_from_wire, report_to_wire
from tests.unit.test_requests import ORIGIN_S, Request, requests

BUY = "PG order.buy"
SOLD_OUT = "PG order.sold_out"
STEPS = [5.0, 20.0, math.inf]


def records_of(warmup_s: float) -> Records:
    """The records of one process."""
    records = Records(warmup_s=warmup_s)
    records.add(BUY, late_after_s=1.0, refusals=SOLD_OUT)
    records.start(ORIGIN_S)
    return records


def fill(records: Records, found: list[Request]) -> None:
    """Put requests where users put them; those that failed with their code."""
    record = records.by_name[BUY]
    for request in found:
        record.rows.extend(request.row())
        if request.outcome is Outcome.FAILED:
            record.count_error("40P01", ORIGIN_S + request.intended, ORIGIN_S + request.ended)


def told(recorder: Recorder, records: Records) -> None:
    """Everything that a process counted, told by messages as msgpack carries them, at several moments."""
    for moment in STEPS:
        seconds = list(records.absorb(moment))
        message = msgpack.unpackb(msgpack.packb(report_to_wire(records.cut(), seconds)))
        for _ in recorder.take(*report_from_wire(message)):
            pass


@given(st.lists(requests, max_size=20), st.lists(requests, max_size=20), st.sampled_from([0.0, 20.0]))
def test_two_workers_are_one_process(one: list[Request], other: list[Request], warmup_s: float) -> None:
    """Counts, errors, latencies, seconds and their percentiles are the same as if one process had done it all."""
    with TemporaryDirectory() as where:
        with new_folder(Path(where), "20260921T141320Z-flashsale", 0) as folder:
            pass
        merged = Recorder(ResultsWriter(folder), warmup_s=warmup_s)
        for found in (one, other):
            worker = records_of(warmup_s)
            fill(worker, found)
            told(merged, worker)
        whole = records_of(warmup_s)
        fill(whole, [*one, *other])
        single = Recorder(ResultsWriter(folder), warmup_s=warmup_s)
        single.own = whole
        for _ in (*merged.finish(), *single.finish()):
            pass
    for name in single.spans():
        mine, theirs = single.tallies[name], merged.tallies[name]
        assert mine.timeline.percentiles == theirs.timeline.percentiles
        assert list(mine.timeline.rows(name)) == list(theirs.timeline.rows(name))
        assert mine.error_seconds == theirs.error_seconds
        for span, other_span in zip(mine.spans_apart, theirs.spans_apart, strict=True):
            assert span.counts == other_span.counts
            assert span.errors == other_span.errors
            assert span.waited_s == pytest.approx(other_span.waited_s)
            for kind, histogram in span.latencies.items():
                assert histogram.latency() == other_span.latencies[kind].latency()
    assert set(merged.spans()) == set(single.spans())


def test_a_message_grows_with_seconds_not_with_requests() -> None:
    """Ten thousand buys take no more room than the counters that they fill, an idle second next to none."""
    records = records_of(0.0)
    fill(records, [Request(0.5 + i / 1e5, service_s=0.001 + i % 50 / 1e5) for i in range(10_000)])
    first = list(records.absorb(math.inf))
    early = len(msgpack.packb(report_to_wire(records.cut(), first)))
    fill(records, [Request(3500.5 + i / 1e5, service_s=0.001 + i % 50 / 1e5) for i in range(10_000)])
    seconds = list(records.absorb(math.inf))
    late = len(msgpack.packb(report_to_wire(records.cut(), seconds)))
    idle = len(msgpack.packb(report_to_wire(records.cut(), [])))
    assert idle < 100 < early < 10_000
    assert late == pytest.approx(early, rel=0.1)
