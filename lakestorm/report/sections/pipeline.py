"""What the load did to the pipeline behind the database: one time axis for all, backlogs, and whether it kept up."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from lakestorm.record.figures import amount, duration, grouped, prefixed
from lakestorm.record.trace import quantile_of_each
from lakestorm.report.pictures import Picture, closed, ms_text, numbers
from lakestorm.report.sections.rows import Row, rows_figure
from lakestorm.report.sections.sale import sentence_start, thinned
from lakestorm.report.sections.throughput import after, totals
from lakestorm.report.words import reading_in_words
from lakestorm.verdict.backlog import DRAIN, GROUPS, is_backlog, keeping_up

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import numpy.typing as npt

    from lakestorm.record.folder import Results
    from lakestorm.record.manifest import Run
    from lakestorm.record.tables import ProbeSeries
    from lakestorm.report.timescale import TimeScale

    Floats = npt.NDArray[np.float64]

CANARY = ("canary", "sent_to_seen")
CANARY_REQUEST = "CDC order.to_kafka"
SHOWN = {
    ("replication_slot", "lag_bytes"): "--service",
    ("topic", "messages_per_s"): "--travel",
    ("consumer_group", "lag"): "--wait",
}
"""What shows whether the pipeline follows, with its colour; each probe has a picture of its own besides."""
QUANTILE = 0.95


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """Something that waits to be worked off, in words."""

    label: str
    peak: str
    peak_at: str
    drained: str
    plateaus: list[str]


def pipeline(results: Results, scale: TimeScale) -> Picture | None:
    """Load and pipeline above each other; None where nothing behind the database was read."""
    rows = list(pipeline_rows(results, scale))
    if not rows:
        return None
    offered = totals(results).get("offered")
    if offered is not None:
        y = closed(numbers(scale.rates(offered)))
        rows.insert(0, Row(label="offered", unit="per s", colour="--offered", x=list(scale.edges), y=y))
    return Picture(
        name="pipeline",
        question="What did the load do to the pipeline?",
        answer=f"{peaks_in_words(rows)} {scale.note}".strip(),
        shows=f"Over time, one row each: {', '.join(row.label for row in rows)}.",
        figure=rows_figure(scale, rows),
        key=[(row.colour, f"{row.label} ({row.unit})") for row in rows],
    )


def pipeline_rows(results: Results, scale: TimeScale) -> Iterator[Row]:
    """The canaries' time, then what waits."""
    canaries = results.probes.get(CANARY)
    if canaries is not None and np.isfinite(canaries.value).any():
        y = closed(numbers(quantile_by_bucket(canaries, scale)))
        label = f"{reading_in_words(*CANARY)}, p95"
        yield Row(label=label, unit="ms", colour="--completed", x=list(scale.edges), y=y, is_log=True)
    for (probe, name), colour in SHOWN.items():
        series = results.probes.get((probe, name))
        if series is not None and np.isfinite(series.value).any():
            divisor, unit = prefixed(float(np.nanmax(series.value)), series.unit)
            x, y = thinned(series, scale)
            scaled = [None if value is None else value / divisor for value in y]
            yield Row(label=reading_in_words(probe, name), unit=unit, colour=colour, x=x, y=scaled)


def quantile_by_bucket(series: ProbeSeries, scale: TimeScale) -> Floats:
    """p95 of what was read in each bucket; NaN where nothing was. Shapes: (readings,) → (buckets,)."""
    known = np.isfinite(series.value)
    found = np.full(len(scale.edges) - 1, np.nan)
    places = np.minimum(series.second[known] // scale.width_s, len(found) - 1)
    buckets, values = quantile_of_each(places, series.value[known], QUANTILE)
    found[buckets.astype(np.int64)] = values
    return found


def peaks_in_words(rows: list[Row]) -> str:
    """Each row's highest value and when it was: what follows what."""
    said = []
    for row in rows:
        values = [(y, x) for x, y in zip(row.x, row.y, strict=True) if y is not None]
        most, at = max(values, key=lambda value: value[0], default=(0.0, 0.0))
        said.append(f"{row.label}: {amount(most, row.unit)}, {after(math.floor(at))}")
    return f"Highest: {'; '.join(said)}."


def backlogs(run: Run) -> list[Backlog]:
    """Every backlog that was read, as `run.json` has it; the sum of groups only where there are several."""
    names = [name for name, summary in run.probes.items() if is_backlog(name) and summary.get("max") is not None]
    if sum(name.startswith(f"{GROUPS}.") for name in names) == 1:
        names = [name for name in names if name != GROUPS]
    return [backlog_of(name, run.probes[name], ended=run.ended_at is not None) for name in names]


def backlog_of(name: str, summary: Mapping[str, Any], *, ended: bool) -> Backlog:
    """One of them."""
    drain_s = summary.get(DRAIN)
    never = "not while it was watched" if ended else "not known: the load did not come to its end"
    label = label_of(name)
    return Backlog(
        label=label,
        peak=amount(summary["max"], summary["unit"]),
        peak_at=after(math.floor(summary["max_at_s"])),
        drained=never if drain_s is None else f"{duration(drain_s)} after the load",
        plateaus=[keeping_up(label, summary["unit"], plateau) for plateau in summary.get("plateaus", [])],
    )


def label_of(name: str) -> str:
    """A series in words, by `probe.name`."""
    probe, _, what = name.partition(".")
    return reading_in_words(probe, what)


def backlogs_in_words(found: list[Backlog]) -> str:
    """Whether the pipeline kept up, for each plateau; or that there was none."""
    sentences = [sentence for backlog in found for sentence in backlog.plateaus]
    return " ".join(sentences) or (
        "Nobody can tell at which rate it keeps up: the load was nowhere level for 20 s while it was read."
    )


def pipeline_in_words(run: Run) -> str:
    """The pipeline in one line, for summary.md; empty where nothing of it was read."""
    said = [*canary_in_words(run), *(peak_in_words(backlog) for backlog in backlogs(run))]
    return f"Pipeline: {' '.join(said)}" if said else ""


def canary_in_words(run: Run) -> Iterator[str]:
    """How long an order takes until it is in Kafka, and how many were seen."""
    spans = run.requests.get(CANARY_REQUEST)
    latency = spans.measured.response_ms_of_offered if spans else None
    if spans is None or latency is None:
        return
    p50, p99 = ("∞" if value is None else ms_text(value) for value in (latency.p50, latency.p99))
    seen = f"{grouped(spans.measured.completed)} of {grouped(spans.measured.offered or 0)} marked orders seen"
    yield f"orders in Kafka within {p50} (p50) and {p99} (p99), {seen}."


def peak_in_words(backlog: Backlog) -> str:
    """A backlog's peak, its drain, and its longest plateau's sentence."""
    said = f"{sentence_start(backlog.label)}: at most {backlog.peak}, drained {backlog.drained}."
    return " ".join([said, *backlog.plateaus[:1]])
