"""What became of a run's canaries: the time each took, by the parts of its way.

    intended ─ t0 ─ commit sent ─ t1a ─ source stamp ─ t2 ─ envelope ─ t3 ─ record ─ t4 ─ seen ─ t5
                      └──── commit answered ─ t1b

t0, t1a, t1b and t5 are readings of one monotonic clock, and so is the whole, t5 - t1a. t2, t3 and t4 are stamps of
PostgreSQL, Connect, and producer or broker, by their clocks; a part between two clocks may come out negative, and is
counted as it is.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from lakestorm.record.histograms import Histogram

if TYPE_CHECKING:
    from collections.abc import Mapping

HOPS = {
    "schedule_delay": "t0 to when this process woke for it: its own lateness",
    "commit": "t1a to t1b: the commit's own answer",
    "sent_to_source": "t1a to t2: by PostgreSQL's clock, which stamps a commit before it flushes and answers",
    "source_to_connect": "t2 to t3: the slot, and Debezium's queue",
    "connect_to_record": "t3 to t4: from the envelope to the record's timestamp",
    "record_to_seen": "t4 to t5: the brokers, and whoever reads",
    "sent_to_seen": "t1a to t5: the whole, by one clock",
}
"""Every hop, with what it is; readings of the probe `canary` bear these names."""


class Stamps(NamedTuple):
    """t2, t3, t4, and t5 by the wall clock: seconds since 1970."""

    source: float
    envelope: float
    recorded: float
    seen_at: float


@dataclasses.dataclass(slots=True, kw_only=True)
class Flight:
    """A canary on its way. Readings of the monotonic clock in seconds, except where seconds since 1970 are said.

    Attributes:
        number: of its line.
        intended: t0.
        woke: when the schedule's thread woke for it.
        sent: t1a; None until then.
        sent_at: t1a by the wall clock, seconds since 1970.
        answered: t1b; None until then.
        in_doubt: whether the commit's answer was never read.
        stamps: None until it was seen.
        seen: t5; None until then.
    """

    number: int
    intended: float
    woke: float
    sent: float | None = None
    sent_at: float = 0.0
    answered: float | None = None
    in_doubt: bool = False
    stamps: Stamps | None = None
    seen: float | None = None

    @property
    def has_landed(self) -> bool:
        """Whether all that will be known of it is known. It may be seen before its commit is answered."""
        return self.seen is not None and (self.answered is not None or self.in_doubt)

    @property
    def ready(self) -> float | None:
        """When the database was ready for it: what is left until it was sent is this process's own lateness."""
        return None if self.sent is None else self.sent - (self.woke - self.intended)

    def hops_s(self) -> dict[str, float]:
        """Seconds by hop, as many as are known."""
        hops = {"schedule_delay": self.woke - self.intended}
        if self.sent is not None and self.answered is not None:
            hops["commit"] = self.answered - self.sent
        if self.sent is not None and self.stamps is not None and self.seen is not None:
            stamps = self.stamps
            hops |= {
                "sent_to_source": stamps.source - self.sent_at,
                "source_to_connect": stamps.envelope - stamps.source,
                "connect_to_record": stamps.recorded - stamps.envelope,
                "record_to_seen": stamps.seen_at - stamps.recorded,
                "sent_to_seen": self.seen - self.sent,
            }
        return hops


class Hop:
    """All times of one hop."""

    def __init__(self) -> None:
        self._times = Histogram()
        self._negative = 0
        self._min_s = 0.0

    def add(self, seconds: float) -> None:
        """Count one; a negative one ranks below all others."""
        self._min_s = min(self._min_s, seconds) if self._times.count else seconds
        self._negative += seconds < 0
        self._times.add(np.array([seconds]))

    def summary(self, missing: int) -> dict[str, Any]:
        """Milliseconds; `missing` ones rank as infinite, and a percentile that falls among them is None."""
        found = self._times.latency(missing)
        if found is None:
            return {"count": 0, "negative": 0}
        percentiles = {name: getattr(found, name) for name in ("p50", "p95", "p99")}
        least = self._min_s * 1e3 if self._times.count else None
        return {"count": found.count, "negative": self._negative, "min": least, **percentiles, "max": found.max}


class Canaries:
    """The account of a run's canaries: `canary.json`."""

    def __init__(self) -> None:
        self.counts = dict.fromkeys(("sent", "completed", "failed", "cancelled"), 0)
        self._hops = {name: Hop() for name in HOPS}
        self._missing = 0

    def landed(self, flight: Flight) -> None:
        """Count one that came."""
        self.counts["completed"] += 1
        self._count(flight)

    def ended(self, flight: Flight, outcome: str) -> None:
        """Count one that failed, or that the run's end cut short: the first ranks as infinite."""
        self.counts[outcome] += 1
        self._missing += outcome == "failed"
        self._count(flight)

    def _count(self, flight: Flight) -> None:
        self.counts["sent"] += flight.sent is not None
        for name, seconds in flight.hops_s().items():
            self._hops[name].add(seconds)

    def summary(self, facts: Mapping[str, Any]) -> dict[str, Any]:
        """As `canary.json` has it, with what else is known of the run's canaries."""
        way = ("sent_to_seen",)
        hops = {name: hop.summary(self._missing if name in way else 0) for name, hop in self._hops.items()}
        return {**facts, **self.counts, "hops_ms": hops}
