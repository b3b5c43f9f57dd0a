"""What a worker counted, as a message: its size grows with names and seconds, not with requests.

A message is made of what msgpack takes: dictionaries, lists, numbers, texts, bytes.
"""

from __future__ import annotations

import collections
from typing import TYPE_CHECKING, Any

import numpy as np

from lakestorm.record.histograms import Batch
from lakestorm.record.manifest import COUNTS
from lakestorm.record.requests import Second
from lakestorm.record.tally import Tally

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from lakestorm.record.tally import Span
    from lakestorm.record.timeline import Timeline

NO_ANSWERS = np.empty(0)
"""Single answers stay where they were measured."""


def report_to_wire(tallies: Mapping[str, Tally], seconds: Iterable[Second]) -> dict[str, Any]:
    """A report of names with something counted, and of the seconds in which answers came."""
    return {
        "names": {name: tally_to_wire(tally) for name, tally in tallies.items() if has_something(tally)},
        "seconds": [
            [of.name, of.second, {kind: batch_to_wire(batch) for kind, batch in of.batches.items()}] for of in seconds
        ],
    }


def report_from_wire(report: dict[str, Any]) -> tuple[dict[str, Tally], list[Second]]:
    """What report_to_wire made its text of."""
    tallies = {name: tally_from_wire(wire) for name, wire in report["names"].items()}
    seconds = [
        Second(name, second, {kind: batch_from_wire(wire) for kind, wire in batches.items()}, NO_ANSWERS)
        for name, second, batches in report["seconds"]
    ]
    return tallies, seconds


def has_something(tally: Tally) -> bool:
    """Whether anything was counted, be it a retry alone."""
    return bool(any(tally.total.counts.values()) or tally.total.retries or tally.total.errors)


def tally_to_wire(tally: Tally) -> dict[str, Any]:
    """One name."""
    return {
        "offers": tally.offers,
        "closed_loop": tally.closed_loop,
        "spans": [span_to_wire(span) for span in tally.spans_apart],
        "timeline": timeline_to_wire(tally.timeline),
        "error_seconds": [[second, code, count] for (second, code), count in tally.error_seconds.items()],
    }


def tally_from_wire(wire: dict[str, Any]) -> Tally:
    """One name."""
    spans = wire["spans"]
    tally = Tally(warms_up=len(spans) > 1, offers=wire["offers"], closed_loop=wire["closed_loop"])
    for span, of_span in zip(tally.spans_apart, spans, strict=True):
        fill_span(span, of_span)
    fill_timeline(tally.timeline, *wire["timeline"])
    tally.error_seconds.update({(second, code): count for second, code, count in wire["error_seconds"]})
    return tally


def span_to_wire(span: Span) -> dict[str, Any]:
    """Counters and distributions."""
    batches = {kind: histogram.batch() for kind, histogram in span.latencies.items()}
    return {
        "counts": span.counts,
        "waited_s": span.waited_s,
        "errors": dict(span.errors),
        "retries": dict(span.retries),
        "latencies": {kind: batch_to_wire(batch) for kind, batch in batches.items() if batch is not None},
    }


def fill_span(span: Span, wire: dict[str, Any]) -> None:
    """Set an empty span to what was sent."""
    span.counts.update(wire["counts"])
    span.waited_s.update(wire["waited_s"])
    span.errors = collections.Counter(wire["errors"])
    span.retries = collections.Counter(wire["retries"])
    for kind, batch in wire["latencies"].items():
        span.latencies[kind].add_batch(batch_from_wire(batch))


def timeline_to_wire(timeline: Timeline) -> tuple[bytes, bytes]:
    """(seconds in which something was counted, their counts): a report tells of few, however long the run."""
    seconds = np.flatnonzero(timeline.counts.any(axis=1))
    return seconds.astype("<u4").tobytes(), timeline.counts[seconds].astype("<u4").tobytes()


def fill_timeline(timeline: Timeline, seconds: bytes, counts: bytes) -> None:
    """Set an empty timeline to what was sent."""
    rows = np.frombuffer(counts, dtype="<u4").reshape(-1, len(COUNTS)).astype(np.int64)
    timeline.add_counts(np.frombuffer(seconds, dtype="<u4").astype(np.int64), rows)


def batch_to_wire(batch: Batch) -> list[Any]:
    """Counters: a few hundred bytes for a second's answers."""
    index, counts = batch.index.astype("<u4").tobytes(), batch.counts.astype("<u4").tobytes()
    return [index, counts, batch.sum_ns, batch.min_ns, batch.max_ns]


def batch_from_wire(wire: list[Any]) -> Batch:
    """Counters."""
    index, counts = (np.frombuffer(part, dtype="<u4").astype(np.int64) for part in wire[:2])
    return Batch(index, counts, *wire[2:])
