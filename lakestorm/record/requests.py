"""What became of every request of one name: rows in, counters, distributions and seconds out.

A request costs its user one `array.extend`; everything else happens once a second, in steps between which the
caller can let others run. Times are put into rows as the clock gives them and become seconds since the run's start when
rows are taken out; NaN where a thing never happened.
"""

from __future__ import annotations

import array
import dataclasses
import enum
import math
from typing import TYPE_CHECKING

import numpy as np

from lakestorm.record.histograms import Batch
from lakestorm.record.manifest import COUNTS
from lakestorm.record.tally import Span, Tally

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    Rows = npt.NDArray[np.float64]
    Mask = npt.NDArray[np.bool_]


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


@dataclasses.dataclass(frozen=True, slots=True)
class Second:
    """Answers of one name that ended in one second.

    Attributes:
        name: of the requests.
        second: since the run's start.
        batches: their durations by kind, as counters.
        answers_s: how long their answers took, each; shape (n,), n ≥ 1.
    """

    name: str
    second: int
    batches: dict[str, Batch]
    answers_s: Rows


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
        self.tally = Tally(warms_up=warmup_s > 0, offers=offers, closed_loop=closed_loop)
        """What was counted since the last `cut`, or since the run's start if there was none."""
        self.origin_s = 0.0
        """The clock's reading at the run's start."""
        self._warmup_s = warmup_s
        self._late_after_s = late_after_s or math.inf
        self._refusals = refusals

    def count_error(self, code: str, intended: float, ended: float) -> None:
        """Count a failed request (by the clock's readings) under its code; its row is added like any other."""
        for span in self._spans_of(intended):
            span.errors[code] += 1
        self.tally.error_seconds[int(ended - self.origin_s), code] += 1

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

    def cut(self) -> Tally:
        """Hand out what was counted, and begin anew: for whoever adds up the counts of several processes."""
        counted, self.tally = self.tally, self.tally.empty()
        return counted

    def absorb(self, rows: Rows) -> Iterator[Second]:
        """Count rows; yields the answers of each second."""
        self._count(rows)
        yield from self._measure(rows[rows[:, Column.OUTCOME] == Outcome.COMPLETED])
        if self._refusals is not None:
            refused = rows[rows[:, Column.OUTCOME] == Outcome.REFUSED]
            yield from self._refusals.absorb_refused(refused)

    def absorb_refused(self, rows: Rows) -> Iterator[Second]:
        """Count refusals of another name: they were answered, and their latencies are shown here."""
        for span, part in self._parts(rows):
            span.counts["started"] += len(part)
            span.counts["completed"] += len(part)
        self.tally.timeline.count("started", rows[:, Column.STARTED])
        self.tally.timeline.count("completed", rows[:, Column.ENDED])
        yield from self._measure(rows)

    def _spans_of(self, intended: float) -> tuple[Span, ...]:
        is_measured = intended - self.origin_s >= self._warmup_s
        return self.tally.spans_apart if is_measured else (self.tally.total,)

    def _parts(self, rows: Rows) -> list[tuple[Span, Rows]]:
        parts = (rows, rows[rows[:, Column.INTENDED] >= self._warmup_s])
        return list(zip(self.tally.spans_apart, parts, strict=False))

    def _count(self, rows: Rows) -> None:
        masks = self._masks(rows)
        for name, mask in masks.items():
            self.tally.timeline.count(name, rows[mask, SECOND_OF[name]])
        warm = rows[:, Column.INTENDED] >= self._warmup_s
        for span in self.tally.spans_apart:
            for name, mask in masks.items():
                span.counts[name] += int(np.count_nonzero(mask if span is self.tally.total else mask & warm))

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
            "late": answered & (response_s > self._late_after_s) & (not self.tally.closed_loop),
            "skipped": outcome == Outcome.SKIPPED,
            "retried": rows[:, Column.RETRIED] > 0,
            "cancelled": outcome == Outcome.CANCELLED,
            "recovered": outcome == Outcome.RECOVERED,
        }

    def _measure(self, rows: Rows) -> Iterator[Second]:
        """Latencies of requests that were answered."""
        for span, part in self._parts(rows):
            for what, waited_s in waits_of(part).items():
                span.waited_s[what] += waited_s
            if span is not self.tally.total:
                for kind, of_kind in self._durations(part).items():
                    span.latencies[kind].add(of_kind)
        ended_in = rows[:, Column.ENDED].astype(np.int64)
        for second in np.unique(ended_in).tolist():
            durations = self._durations(rows[ended_in == second])
            batches = {kind: Batch.of(seconds) for kind, seconds in durations.items()}
            for kind, batch in batches.items():
                self.tally.total.latencies[kind].add_batch(batch)
            yield Second(self.name, second, batches, durations[self.tally.answer])

    def _durations(self, rows: Rows) -> dict[str, Rows]:
        """Durations in seconds by kind; a closed loop has no response and no wait."""
        intended, previous, free, started, ended = (rows[:, column] for column in list(Column)[:5])
        durations = {
            "response": ended - intended,
            "service": ended - started,
            "wait": started - intended,
            "slip": started - np.maximum(np.maximum(intended, previous), free),
        }
        return {k: d for k, d in durations.items() if not self.tally.closed_loop or k in ("service", "slip")}


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
