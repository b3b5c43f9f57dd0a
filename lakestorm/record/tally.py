"""What was counted of one request name: sums that can be added up, whoever counted them."""

from __future__ import annotations

import collections

from lakestorm.record.histograms import Histogram
from lakestorm.record.manifest import COUNTS, RequestSpans, RequestSummary
from lakestorm.record.timeline import Timeline

KINDS = ("response", "service", "wait", "slip")


class Span:
    """Counters and distributions over a part of the run."""

    def __init__(self) -> None:
        self.counts = dict.fromkeys(COUNTS, 0)
        self.latencies = {kind: Histogram() for kind in KINDS}
        self.waited_s = {"own": 0.0, "pool": 0.0, "slip": 0.0}
        self.errors: collections.Counter[str] = collections.Counter()
        self.retries: collections.Counter[str] = collections.Counter()

    def add(self, other: Span) -> None:
        """Add what another process counted."""
        for name, count in other.counts.items():
            self.counts[name] += count
        for kind, histogram in other.latencies.items():
            self.latencies[kind].add_batch(histogram.batch())
        for what, seconds in other.waited_s.items():
            self.waited_s[what] += seconds
        self.errors += other.errors
        self.retries += other.retries

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


class Tally:
    """Everything that was counted of one name: the whole run, what is measured of it, and each second.

    Args:
        warms_up: whether `measured` is less than the whole run.
        offers: whether requests are offered under the name; False for one that only shows latencies.
        closed_loop: nothing is intended beforehand, so there is no response and no wait.
    """

    def __init__(self, *, warms_up: bool = False, offers: bool = True, closed_loop: bool = False) -> None:
        self.offers = offers
        self.closed_loop = closed_loop
        self.total = Span()
        self.measured = Span() if warms_up else self.total
        self.timeline = Timeline()
        self.error_seconds: collections.Counter[tuple[int, str]] = collections.Counter()
        """Failed requests by the second in which they ended and their code."""

    @property
    def answer(self) -> str:
        """The kind of duration that stands for an answer: the response, or the service of a closed loop."""
        return "service" if self.closed_loop else "response"

    @property
    def spans_apart(self) -> tuple[Span, ...]:
        """`total`, and `measured` where that is another."""
        return (self.total,) if self.measured is self.total else (self.total, self.measured)

    def empty(self) -> Tally:
        """Another for the same name, in which nothing is counted yet."""
        warms_up = self.measured is not self.total
        return Tally(warms_up=warms_up, offers=self.offers, closed_loop=self.closed_loop)

    def add(self, other: Tally) -> None:
        """Add what another process counted under the same name."""
        for mine, theirs in zip(self.spans_apart, other.spans_apart, strict=True):
            mine.add(theirs)
        self.timeline.add(other.timeline)
        self.error_seconds += other.error_seconds

    def spans(self) -> RequestSpans:
        """As `run.json` shows it."""
        return RequestSpans(total=self._summary(self.total), measured=self.measured_now())

    def measured_now(self) -> RequestSummary:
        """`measured` as far as it has been counted, for whoever watches the run; half a millisecond of work."""
        return self._summary(self.measured)

    def _summary(self, span: Span) -> RequestSummary:
        return span.summary(offers=self.offers, closed_loop=self.closed_loop)
