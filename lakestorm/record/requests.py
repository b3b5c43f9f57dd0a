"""What became of every request of one name: rows in, counters, distributions and seconds out.

A request costs its user one `array.extend`; everything else happens once a second, in steps between which the
caller can let others run. Times are put into rows as the clock gives them and become seconds since the run's start when
rows are taken out; NaN where a thing never happened.
"""

from __future__ import annotations

import array
import collections
import enum
import math
from typing import TYPE_CHECKING

import numpy as np

from lakestorm.record.histograms import Histogram
from lakestorm.record.manifest import COUNTS, RequestSpans, RequestSummary
from lakestorm.record.timeline import Timeline

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    Rows = npt.NDArray[np.float64]
    Mask = npt.NDArray[np.bool_]

KINDS = ("response", "service", "wait", "slip")


class Outcome(enum.IntEnum):
    """How an intended request ended; every one ends in exactly one way."""

    COMPLETED = 0
    REFUSED = 1
    FAILED = 2
    SKIPPED = 3
    CANCELLED = 4
    RECOVERED = 5
    """Completed, but its answer was not read: known only from looking the order up. Has no latency."""


class Column(enum.IntEnum):
    """Columns of a row."""

    INTENDED = 0
    PREVIOUS_END = 1
    FREE = 2
    STARTED = 3
    ENDED = 4
    OUTCOME = 5
    RETRIED = 6


WIDTH = len(Column)


class Span:
    """Counters and distributions over a part of the run."""

    def __init__(self) -> None:
        self.counts = dict.fromkeys(COUNTS, 0)
        self.latencies = {kind: Histogram() for kind in KINDS}
        self.waited_s = {"own": 0.0, "pool": 0.0, "slip": 0.0}
        self.errors: collections.Counter[str] = collections.Counter()
        self.retries: collections.Counter[str] = collections.Counter()

    def summary(self, *, offers: bool, closed_loop: bool) -> RequestSummary:
        """The span as `run.json` shows it."""
        counts = self.counts
        recovered = counts["recovered"]
        unfinished = counts["failed"] + counts["skipped"] + counts["cancelled"] + recovered if offers else 0
        response = self.latencies["response"]
        counted = {name: count for name, count in counts.items() if name != "offered"}
        return RequestSummary(
            offered=counts["offered"] if offers else None,
            **counted,
            errors=dict(self.errors),
            retries=dict(self.retries),
            response_ms=None if closed_loop else response.latency(),
            response_ms_of_offered=None if closed_loop or not offers else response.latency(unfinished),
            service_ms=self.latencies["service"].latency(),
            wait_ms=None if closed_loop else self.latencies["wait"].latency(),
            slip_ms=self.latencies["slip"].latency(),
            waited_ms={what: seconds * 1e3 for what, seconds in self.waited_s.items()},
        )


class RequestRecord:
    """All requests of one name.

    Args:
        name: as users see it ("PG order.buy").
        warmup_s: what was intended earlier is left out of `measured`.
        late_after_s: a response above it is late; 0 marks none.
        closed_loop: nothing is intended beforehand, so there is no response and no wait.
        refusals: where latencies of refused requests go; their counts stay here.
    """

    def __init__(
        self,
        name: str,
        *,
        warmup_s: float = 0.0,
        late_after_s: float = 0.0,
        closed_loop: bool = False,
        refusals: RequestRecord | None = None,
        offers: bool = True,
    ) -> None:
        self.name = name
        self.rows = array.array("d")
        self.timeline = Timeline()
        self.total = Span()
        self.measured = Span() if warmup_s else self.total
        self.error_seconds: collections.Counter[tuple[int, str]] = collections.Counter()
        self.origin_s = 0.0
        """The clock's reading at the run's start."""
        self._warmup_s = warmup_s
        self._late_after_s = late_after_s or math.inf
        self._closed_loop = closed_loop
        self._refusals = refusals
        self.offers = offers

    def count_error(self, code: str, intended: float, ended: float) -> None:
        """Count a failed request (by the clock's readings) under its code; its row is added like any other."""
        for span in self._spans_of(intended):
            span.errors[code] += 1
        self.error_seconds[int(ended - self.origin_s), code] += 1

    def count_retry(self, code: str, intended: float) -> None:
        """Count a repeated try of a request under the code that made it necessary."""
        for span in self._spans_of(intended):
            span.retries[code] += 1

    def take(self, before_s: float = math.inf) -> Rows:
        """Remove and return the rows that ended before a moment, shape (n, 7), in seconds since the run's start."""
        rows = np.frombuffer(self.rows, dtype=np.float64).reshape(-1, WIDTH)
        self.rows = array.array("d")
        later = rows[:, Column.ENDED] >= before_s + self.origin_s
        if later.any():
            self.rows.frombytes(rows[later].tobytes())
        rows = rows[~later]
        rows[:, : Column.OUTCOME] -= self.origin_s
        return rows

    def absorb(self, rows: Rows) -> Iterator[tuple[RequestRecord, int, dict[str, Rows]]]:
        """Count rows; yields (record, second, {kind: durations in seconds}) for each second that they ended in."""
        self._count(rows)
        yield from self._measure(rows[rows[:, Column.OUTCOME] == Outcome.COMPLETED])
        if self._refusals is not None:
            refused = rows[rows[:, Column.OUTCOME] == Outcome.REFUSED]
            yield from self._refusals.absorb_refused(refused)

    def absorb_refused(self, rows: Rows) -> Iterator[tuple[RequestRecord, int, dict[str, Rows]]]:
        """Count refusals of another name: they were answered, and their latencies are shown here."""
        for span, part in self._parts(rows):
            span.counts["started"] += len(part)
            span.counts["completed"] += len(part)
        self.timeline.count("started", rows[:, Column.STARTED])
        self.timeline.count("completed", rows[:, Column.ENDED])
        yield from self._measure(rows)

    def spans(self) -> RequestSpans:
        """The record as `run.json` shows it."""
        return RequestSpans(total=self._summary(self.total), measured=self.measured_now())

    def measured_now(self) -> RequestSummary:
        """`measured` as far as it has been counted, for whoever watches the run; half a millisecond of work."""
        return self._summary(self.measured)

    def _summary(self, span: Span) -> RequestSummary:
        return span.summary(offers=self.offers, closed_loop=self._closed_loop)

    def _spans_of(self, intended: float) -> tuple[Span, ...]:
        both = (self.total, self.measured) if self.measured is not self.total else (self.total,)
        return both if intended - self.origin_s >= self._warmup_s else (self.total,)

    def _parts(self, rows: Rows) -> list[tuple[Span, Rows]]:
        if self.measured is self.total:
            return [(self.total, rows)]
        return [(self.total, rows), (self.measured, rows[rows[:, Column.INTENDED] >= self._warmup_s])]

    def _count(self, rows: Rows) -> None:
        masks = self._masks(rows)
        for name, mask in masks.items():
            self.timeline.count(name, rows[mask, SECOND_OF[name]])
        warm = rows[:, Column.INTENDED] >= self._warmup_s
        for span in {id(s): s for s in (self.total, self.measured)}.values():
            for name, mask in masks.items():
                span.counts[name] += int(np.count_nonzero(mask if span is self.total else mask & warm))

    def _masks(self, rows: Rows) -> dict[str, Mask]:
        outcome = rows[:, Column.OUTCOME]
        response_s = rows[:, Column.ENDED] - rows[:, Column.INTENDED]
        answered = np.isin(outcome, (Outcome.COMPLETED, Outcome.REFUSED, Outcome.FAILED))
        return {
            "offered": np.ones(len(rows), dtype=bool),
            "started": ~np.isnan(rows[:, Column.STARTED]),
            "completed": np.isin(outcome, (Outcome.COMPLETED, Outcome.RECOVERED)),
            "refused": outcome == Outcome.REFUSED,
            "failed": outcome == Outcome.FAILED,
            "late": answered & (response_s > self._late_after_s) & (not self._closed_loop),
            "skipped": outcome == Outcome.SKIPPED,
            "retried": rows[:, Column.RETRIED] > 0,
            "cancelled": outcome == Outcome.CANCELLED,
            "recovered": outcome == Outcome.RECOVERED,
        }

    def _measure(self, rows: Rows) -> Iterator[tuple[RequestRecord, int, dict[str, Rows]]]:
        """Latencies of requests that were answered."""
        for span, part in self._parts(rows):
            for kind, durations in self._durations(part).items():
                span.latencies[kind].add(durations)
            for what, waited_s in waits_of(part).items():
                span.waited_s[what] += waited_s
        ended_in = rows[:, Column.ENDED].astype(np.int64)
        for second in np.unique(ended_in):
            of_second = self._durations(rows[ended_in == second])
            self.timeline.measure(int(second), of_second["service" if self._closed_loop else "response"])
            yield self, int(second), of_second

    def _durations(self, rows: Rows) -> dict[str, Rows]:
        """Durations in seconds by kind; a closed loop has no response and no wait."""
        intended, previous, free, started, ended = (rows[:, column] for column in list(Column)[:5])
        durations = {
            "response": ended - intended,
            "service": ended - started,
            "wait": started - intended,
            "slip": started - np.maximum(np.maximum(intended, previous), free),
        }
        return {k: d for k, d in durations.items() if not self._closed_loop or k in ("service", "slip")}


SECOND_OF = dict.fromkeys(COUNTS, Column.ENDED) | {
    "offered": Column.INTENDED,
    "skipped": Column.INTENDED,
    "late": Column.INTENDED,
    "started": Column.STARTED,
}
"""The moment that places each count on the timeline."""


def waits_of(rows: Rows) -> dict[str, float]:
    """Seconds waited, by what for: the user's own earlier request, then the pool, then the generator itself."""
    intended, previous, free, started = (rows[:, column] for column in list(Column)[:4])
    own_end = np.maximum(intended, previous)
    pool_end = np.maximum(own_end, free)
    return {
        "own": float((own_end - intended).sum()),
        "pool": float((pool_end - own_end).sum()),
        "slip": float((started - pool_end).sum()),
    }
