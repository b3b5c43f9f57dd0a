"""A results folder read back: what was written is what is read, and damage is told with its place."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakestorm.errors import ResultsError
from lakestorm.record.folder import Results
from lakestorm.record.histograms import Batch, Encoder, Histogram, interval_line, log_header
from lakestorm.record.intervals import distribution_from_log
from lakestorm.record.manifest import COUNTS
from lakestorm.record.readings import HEADER, Reading
from lakestorm.record.recorder import Recorder
from lakestorm.record.results import ResultsWriter
from lakestorm.record.tables import errors_from_csv, probes_from_csv, seconds_from_csv
from lakestorm.record.timeline import PERCENTILES, Timeline, timeline_csv
from tests.made_folders import STARTED_AT, Story, add_records, add_second, made_folder

if TYPE_CHECKING:
    from pathlib import Path

Batches = list[list[float]]
DURATIONS = st.lists(st.lists(st.floats(0, 3600), max_size=50), min_size=1, max_size=8)


def log_of(batches: Batches) -> str:
    """An interval log with one line a batch."""
    encoder = Encoder()
    lines = [
        interval_line(encoder, float(i), 1.0, Batch.of(np.array(batch))) for i, batch in enumerate(batches) if batch
    ]
    return "".join([log_header(STARTED_AT), *lines])


def merged(batches: Batches) -> Histogram:
    """The same samples counted directly."""
    histogram = Histogram()
    for batch in batches:
        histogram.add(np.array(batch, dtype=np.float64))
    return histogram


@given(DURATIONS, st.integers(0, 8))
def test_a_log_reads_back_as_the_distribution_that_was_written(batches: Batches, first: int) -> None:
    """Every counter, the number of samples and every percentile are the same, from whichever second one reads."""
    read = distribution_from_log(log_of(batches), "x", float(first))
    written = merged(batches[first:])
    assert (read.counts == written.counts).all()
    assert read.count == written.count
    if written.count:
        ranks = [0.0, 0.5, 0.9, 0.99, 0.999, 1.0]
        assert read.quantiles_ns(ranks) == written.quantiles_ns(ranks)
        assert read.sum_ns == pytest.approx(written.sum_ns, rel=2e-3, abs=len(batches) * 50)


def test_half_a_line_is_left_out() -> None:
    """A log that a kill cut off in its last line gives what stands before it."""
    whole = log_of([[0.1], [0.2], [0.3]])
    for cut in range(1, len(whole.splitlines()[-1])):
        assert distribution_from_log(whole[:-cut], "x").count == 2


DAMAGED = ["1,1", "a,1,1,HISTFAAA", "0,1,1,HISTFAAA", "0,1,1,!", "0,1,x,HISTFAAA", "0,1,1,"]


@pytest.mark.parametrize("line", DAMAGED)
def test_a_damaged_log_is_told_with_its_line(line: str) -> None:
    """Text that is no histogram is refused, with file and line."""
    with pytest.raises(ResultsError, match=r"^PG\.x\.hlog, line 4 is no histogram of this suite"):
        distribution_from_log(f"{log_header(0)}{line}\n", "PG.x.hlog")


def test_another_layout_of_counters_is_refused() -> None:
    """A log of other tools with other bounds is not read as if it were ours."""
    from hdrh.histogram import HdrHistogram  # noqa: PLC0415 - the one test of another writer

    foreign = HdrHistogram(1, 60_000, 2)
    foreign.record_value(77)
    text = f"{log_header(0)}0.000,1.000,0.077,{foreign.encode().decode()}\n"
    with pytest.raises(ResultsError, match="counters from 1 to 60000 with 2 digits"):
        distribution_from_log(text, "x")


def test_the_timeline_reads_back() -> None:
    """Counts and percentiles of every second, zeros and NaN where there was nothing, names with commas and quotes."""
    lines = {"PG order.buy": Timeline(), 'PG "läden", 店': Timeline()}
    for offset, line in enumerate(lines.values()):
        line.count("offered", np.arange(offset, 40.0))
        line.measure(20 + offset, Batch.of(np.array([0.001, 0.002])))
    read = seconds_from_csv(timeline_csv(lines))
    assert list(read) == list(lines)
    for offset, (name, line) in enumerate(lines.items()):
        of = read[name]
        assert {c: of.counts[c].tolist() for c in COUNTS} == {c: [line.at(s, c) for s in range(40)] for c in COUNTS}
        assert np.flatnonzero(np.isfinite(of.percentiles_ms["p99_ms"])).tolist() == [20 + offset]
        assert [of.percentiles_ms[p][20 + offset] for p in PERCENTILES] == [
            line.percentile(20 + offset, p) for p in PERCENTILES
        ]


def test_a_timeline_that_a_kill_cut_off_is_read_as_far_as_it_goes() -> None:
    """Repeated headers and half a last line are left out."""
    line = Timeline()
    line.count("offered", np.arange(5.0))
    text = timeline_csv({"a b": line}, 0, 0) + timeline_csv({"a b": line}, 0, 3) + timeline_csv({"a b": line}, 3, 5)
    assert seconds_from_csv(text[:-3])["a b"].counts["offered"].tolist() == [1, 1, 1, 1]
    assert seconds_from_csv("") == {}


SAD: list[tuple[Any, str, str]] = [
    (seconds_from_csv, "0,a,1\n", "timeline.csv, line 1 has 3 fields: 17 are wanted"),
    (seconds_from_csv, "x,a" + ",0" * 15 + "\n", 'timeline.csv, line 1 has "x" where a number is wanted'),
    (errors_from_csv, "second,name,code,count\n1,a\n", 'errors.csv, line 2 has "is too short"'),
    (probes_from_csv, "1,stock,left\n", "probes.csv, line 1 has 3 fields: 6 are wanted"),
]


@pytest.mark.parametrize(("read", "text", "said"), SAD)
def test_damaged_tables_are_told_with_their_line(read: Any, text: str, said: str) -> None:
    """File, line, and what stands there."""
    with pytest.raises(ResultsError) as refused:
        read(text)
    assert str(refused.value).startswith(said)


def test_errors_are_summed_over_names() -> None:
    """By code and second, also for a name that holds a comma."""
    text = "second,name,code,count\n3,PG a,40001,2\n3,PG b, c,40001,5\n4,PG a,57014,1\n5,PG"
    assert errors_from_csv(text) == {"40001": {3: 7}, "57014": {4: 1}}


def test_probes_read_back() -> None:
    """Values with their unit; what could not be read is NaN and an error, never 0."""
    readings = [
        Reading(1.0, "stock", "left", 7.0, "units"),
        Reading(2.0, "stock", "left", None, "units", 'away, "again"'),
        Reading(2.5, "slot", "lag", 1e12, "bytes"),
    ]
    read = probes_from_csv(HEADER + "".join(reading.line() for reading in readings))
    left = read["stock", "left"]
    assert (left.unit, left.second.tolist(), left.errors) == ("units", [1.0, 2.0], ['away, "again"'])
    assert left.value[0] == 7.0
    assert np.isnan(left.value[1])
    assert read["slot", "lag"].value.tolist() == [1e12]


def test_a_folder_reads_back(tmp_path: Path) -> None:
    """Histograms from the end of the warm-up, with as many samples as run.json has measured."""
    story = Story(seconds=12, warmup_s=3.0, doors_open_s=0.0, sold_out_s=None)
    results = Results.read(made_folder(tmp_path, story))
    measured = results.run.requests["PG order.buy"].measured
    response = results.distributions["PG order.buy", "response"]
    assert measured.response_ms is not None
    assert response.count == pytest.approx(measured.response_ms.count, abs=3)
    assert response.quantiles_ns([0.5])[0] / 1e6 == pytest.approx(measured.response_ms.p50, rel=0.02)
    assert sum(results.timeline["PG order.buy"].counts["offered"]) == results.run.requests["PG order.buy"].total.offered
    assert results.ledger == results.run.ledger


def test_a_folder_without_its_other_files_is_read(tmp_path: Path) -> None:
    """Only run.json must be there."""
    folder = made_folder(tmp_path, Story(seconds=3))
    for path in folder.iterdir():
        if path.name != "run.json":
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    results = Results.read(folder)
    assert (results.timeline, results.errors, results.probes, results.distributions) == ({}, {}, {}, {})
    assert results.ledger == results.run.ledger


def test_a_later_audit_is_the_one_that_is_shown(tmp_path: Path) -> None:
    """ledger.json stands above what run.json remembers."""
    folder = made_folder(tmp_path, Story(seconds=3))
    (folder / "ledger.json").write_text(json.dumps({"state": "open", "lost": 3}))
    assert Results.read(folder).ledger == {"state": "open", "lost": 3}


@pytest.mark.parametrize(
    ("text", "said"), [("{", "is not JSON"), ("[]", "holds no object"), ("\udcff", "cannot be read")]
)
def test_a_damaged_ledger_is_told(tmp_path: Path, text: str, said: str) -> None:
    """By its name."""
    folder = made_folder(tmp_path, Story(seconds=1))
    (folder / "ledger.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(ResultsError, match=rf"^ledger\.json .*{said}"):
        Results.read(folder)


def test_what_is_no_results_folder_is_told(tmp_path: Path) -> None:
    """Its path and why."""
    with pytest.raises(ResultsError, match=r"is no results folder: No such file or directory: run\.json"):
        Results.read(tmp_path)


def test_a_killed_run_is_read_as_far_as_it_came(tmp_path: Path) -> None:
    """Its seconds, histograms and readings are there; it has no errors.csv and no ledger."""
    results = Results.read(made_folder(tmp_path, Story(seconds=20, doors_open_s=0.0), killed=True))
    assert not results.run.complete
    assert len(results.timeline["PG order.buy"].counts["offered"]) == 18
    assert results.distributions["PG order.buy", "wait"].count > 0
    assert (results.errors, results.ledger) == ({}, {})


def test_made_rows_are_counted_as_real_ones(tmp_path: Path) -> None:
    """The folders made for these tests keep the rule that every offered request has one outcome."""
    (tmp_path / "histograms").mkdir()
    recorder = Recorder(ResultsWriter(tmp_path), warmup_s=0.0)
    story = Story(seconds=30, doors_open_s=2.0, sold_out_s=10.0)
    records = add_records(recorder, story)
    recorder.start(0.0)
    rng = np.random.default_rng(1)
    for second in range(story.seconds):
        add_second(records[0], story, second, rng, buys=True)
    list(recorder.finish())
    total = recorder.spans()["PG order.buy"].total
    assert total.offered == total.completed + total.refused + total.failed
    assert min(total.completed, total.refused, total.failed) > 0
