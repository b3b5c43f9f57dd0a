"""What the report says of the pipeline: one time axis, backlogs with their drain and slope, and where the time goes."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

from lakestorm.record.figures import amount
from lakestorm.record.folder import Results
from lakestorm.record.tables import ProbeSeries
from lakestorm.record.trace import quantile_of_each
from lakestorm.report.page import page_html
from lakestorm.report.sections.chain import chain
from lakestorm.report.sections.pipeline import backlogs, backlogs_in_words, pipeline, pipeline_in_words
from lakestorm.report.summary import summary_md
from lakestorm.report.timescale import time_scale
from tests.made_folders import Story, made_folder
from tests.unit import made_runs
from tests.unit.made_results import THIN, results, scale, seconds

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Results:
    """A minute in which the connector stood still from second 20 to 24; the load is level from 12 to 54 s."""
    return Results.read(made_folder(tmp_path_factory.mktemp("piped"), Story(piped=True)))


def test_load_and_pipeline_share_a_time_axis(found: Results) -> None:
    """With phases behind and events above; what peaked when stands in the caption."""
    picture = pipeline(found, time_scale(found))
    assert picture is not None
    assert [row.rpartition(" (")[0] for _, row in picture.key] == [
        "offered", "commit sent to seen in Kafka, p95", "log not confirmed", "messages behind",
    ]  # fmt: skip
    assert "log not confirmed: 5.01 MB, 24 s after the start" in picture.answer
    assert "commit sent to seen in Kafka, p95: 110 ms" in picture.answer
    layout = picture.figure["layout"]
    assert {shape["type"] for shape in layout["shapes"]} == {"rect", "line"}
    assert {"warm-up ends", "doors open"} < {note["text"] for note in layout["annotations"]}
    assert layout["yaxis2"]["type"] == "log"
    latency = picture.figure["data"][1]
    assert [latency["y"][second] for second in (19, 20, 24, 25)] == [110.0, None, None, 110.0]


def test_a_run_without_a_pipeline_has_no_such_section(tmp_path: Path) -> None:
    """Neither on the page nor in the summary."""
    plain = Results.read(made_folder(tmp_path, Story(seconds=8, warmup_s=1.0)))
    assert pipeline(plain, time_scale(plain)) is None
    assert (chain(plain), backlogs(plain.run), pipeline_in_words(plain.run)) == (None, [], "")
    assert "the pipeline" not in page_html(plain)


def test_backlogs_are_told_with_peak_drain_and_plateau(found: Results) -> None:
    """As run.json has them."""
    slot, group = backlogs(found.run)
    assert (slot.label, slot.peak, slot.peak_at) == ("log not confirmed", "5.01 MB", "24 s after the start")
    assert (group.label, group.peak) == ("messages behind", "540 messages")
    assert slot.drained == "400 ms after the load"
    (sentence,) = slot.plateaus
    assert sentence.startswith("At ")
    assert "requests a second" in sentence
    assert "there were too few readings of log not confirmed" in sentence  # they all hang together in such a bulge


@pytest.mark.parametrize(
    ("groups", "labels"),
    [
        ((), ["messages behind"]),
        (("a",), ["messages behind, a"]),
        (("a", "b"), ["messages behind", "messages behind, a", "messages behind, b"]),
    ],
)
def test_one_group_is_not_told_twice(groups: tuple[str, ...], labels: list[str]) -> None:
    """The sum of all stands beside them only where there are several."""
    lag = {"unit": "messages", "max": 9.0, "max_at_s": 1.0, "drain_s": 0.0, "plateaus": []}
    names = ["consumer_group.lag", *(f"consumer_group.lag.{group}" for group in groups)]
    assert [of.label for of in backlogs(made_runs.run(probes=dict.fromkeys(names, lag)))] == labels


def plateau(**changes: Any) -> dict[str, Any]:
    """A plateau of a slot's lag."""
    found = {"from_s": 10, "to_s": 40, "offered_per_s": 800.0, "per_s": 2e6, "low": 1.5e6, "high": 2.5e6}
    return found | {"kept_up": False} | changes


def run_with(**changes: Any) -> Any:
    """A run whose slot had this summary."""
    slot = {"unit": "bytes", "max": 6e7, "max_at_s": 40.2, "drain_s": 12.5, "plateaus": [plateau()]}
    return made_runs.run(probes={"replication_slot.lag_bytes": slot | changes})


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, f"the pipeline fell behind by 2{THIN}000{THIN}000 bytes a second (log not confirmed)"),
        ({"plateaus": [plateau(per_s=3.0, low=-5.0, high=9.0, kept_up=True)]}, "the pipeline kept up"),
        ({"plateaus": [plateau(kept_up=None)]}, "nobody can tell whether the pipeline kept up"),
        ({"plateaus": [plateau(low=None, high=None, kept_up=None)]}, "there were too few readings"),
        ({"plateaus": []}, "Nobody can tell at which rate it keeps up: the load was nowhere level for 20 s"),
    ],
)
def test_each_plateau_has_a_sentence(changes: dict[str, Any], said: str) -> None:
    """It kept up, or fell behind by so much a second, or nobody can tell."""
    assert said in backlogs_in_words(backlogs(run_with(**changes)))


def test_a_backlog_that_was_never_drained_says_so() -> None:
    """And one of a run that was killed is not known."""
    assert backlogs(run_with(drain_s=None))[0].drained == "not while it was watched"
    killed = dataclasses.replace(run_with(drain_s=None), ended_at=None)
    assert backlogs(killed)[0].drained == "not known: the load did not come to its end"
    assert backlogs(run_with(max=None, max_at_s=None)) == []


def test_the_summary_has_one_line(found: Results) -> None:
    """Peaks, drain, and whether it kept up."""
    (line,) = [line for line in summary_md(run_with()).splitlines() if line.startswith("Pipeline:")]
    assert line == (
        "Pipeline: Log not confirmed: at most 60 MB, drained 12.5 s after the load. At 800 requests a second (10–40 s)"
        f" the pipeline fell behind by 2{THIN}000{THIN}000 bytes a second (log not confirmed);"
        f" 95 % confidence: 1{THIN}500{THIN}000 to 2{THIN}500{THIN}000."
    )
    assert "Pipeline: Log not confirmed: at most 5.01 MB" in summary_md(found.run)


def test_the_chain_says_where_the_time_goes(found: Results) -> None:
    """The whole, its parts in their order with shares that add up, what stands beside; lost orders are infinite."""
    shown = chain(found)
    assert shown is not None
    assert [hop.name for hop in shown.hops] == [
        "sent_to_seen", "sent_to_source", "source_to_connect", "connect_to_record", "record_to_seen",
        "schedule_delay", "commit",
    ]  # fmt: skip
    assert shown.hops[0].times == ["100", "110", "∞", "∞"]
    shares = [hop.percent or 0.0 for hop in shown.way]
    assert sum(shares) == pytest.approx(100)
    assert shares[1] == pytest.approx(100 * 65 / 120)  # 60 and 70 ms of 100 and 140
    assert shown.hops[1].negative == 7
    assert shown.picture.answer == (
        "Of 113 marked orders half were seen within 100 ms of the commit sent, 95 % 110 ms, 99 % ∞."
        " 3 failed or were not seen within 30 s; they rank as infinite. That time went to: PostgreSQL to Connect 54 %,"
        " Connect to the record 28 %, record to reader 12 %, commit sent to PostgreSQL's stamp 5 %."
    )
    ends = [trace["x"][-1] for trace in shown.picture.figure["data"][:1]]
    assert ends == [10 ** shown.picture.figure["layout"]["xaxis"]["range"][1]]


def test_a_hop_below_zero_takes_no_share() -> None:
    """Two clocks may disagree; a bar of negative width there is none."""
    times = {"count": 1, "negative": 1, "p50": -2.0, "p95": -2.0, "p99": -2.0, "max": -2.0}
    canary = {"sent": 1, "hops_ms": {"sent_to_seen": times | {"p50": 5.0}, "sent_to_source": times}}
    probes = {("canary", "sent_to_source"): series([-2.0]), ("canary", "record_to_seen"): series([7.0])}
    shown = chain(results(canary=canary, probes=probes))
    assert shown is not None
    assert [hop.percent for hop in shown.hops] == [None, 0.0]
    assert all(x >= 0.1 for trace in shown.picture.figure["data"] for x in trace["x"])


def series(values: list[float]) -> Any:
    """Readings once a second."""
    return ProbeSeries("ms", np.arange(1.0, len(values) + 1), np.array(values), [])


def test_readings_without_a_request_are_drawn(found: Results) -> None:
    """A pipeline that is watched while nothing is offered is still shown."""
    probes = {key: of for key, of in found.probes.items() if key[0] == "replication_slot"}
    picture = pipeline(results(probes=probes), scale(60))
    assert picture is not None
    assert len(picture.key) == 1
    assert pipeline(results(probes={}, timeline={"PG order.buy": seconds(offered=[1])}), scale(1)) is None


def test_the_page_has_the_section(found: Results) -> None:
    """Picture, backlogs, chain, in this order."""
    text = page_html(found)
    places = [text.index(words) for words in (
        "What did the load do to the pipeline?", "Did the pipeline keep up?", "Where does the time go between",
        "t2 to t3: the slot, and Debezium&#39;s queue",
    )]  # fmt: skip
    assert places == sorted(places)


def test_a_killed_run_shows_what_was_read(tmp_path: Path) -> None:
    """The picture from probes.csv; neither backlogs nor a chain, which nobody summed up."""
    left = Results.read(made_folder(tmp_path, Story(seconds=12, piped=True), killed=True))
    assert pipeline(left, time_scale(left)) is not None
    assert (chain(left), backlogs(left.run), pipeline_in_words(left.run)) == (None, [], "")
    assert "What did the load do to the pipeline?" in page_html(left)


@pytest.mark.parametrize(
    ("value", "unit", "said"),
    [
        (999.0, "bytes", "999 bytes"), (1000.0, "bytes", "1 kB"), (5_010_000.0, "bytes", "5.01 MB"),
        (2.5e9, "bytes/s", "2.5 GB/s"), (0.0, "bytes", "0 bytes"), (12_345.0, "messages", f"12{THIN}345 messages"),
        (3.0, "bytes of log", "3 bytes of log"), (-4e6, "bytes", "-4 MB"),
    ],
)  # fmt: skip
def test_bytes_are_told_short(value: float, unit: str, said: str) -> None:
    """With the prefix that fits; everything else as it is."""
    assert amount(value, unit) == said


@given(
    st.lists(st.tuples(st.integers(0, 5), st.floats(0, 1e6)), max_size=60),
    st.sampled_from([0.0, 0.5, 0.9, 0.95, 0.99, 1.0]),
)
def test_quantiles_of_groups_are_those_of_each(pairs: list[tuple[int, float]], quantile: float) -> None:
    """As numpy has them, group by group."""
    groups, values = np.array([g for g, _ in pairs], dtype=float), np.array([v for _, v in pairs])
    found, quantiles = quantile_of_each(groups, values, quantile)
    assert found.tolist() == sorted(set(groups.tolist()))
    for group, value in zip(found, quantiles, strict=True):
        assert value == np.quantile(values[groups == group], quantile, method="inverted_cdf")
