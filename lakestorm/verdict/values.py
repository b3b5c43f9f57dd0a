"""What a name of a threshold is worth in a run, finished or still going on."""

from __future__ import annotations

import dataclasses
import enum
import math
from typing import TYPE_CHECKING, Any

from lakestorm.record.manifest import COUNTS, LATENCIES
from lakestorm.verdict.backlog import DRAIN, SLOPE
from lakestorm.verdict.plateaus import LEAST_S
from lakestorm.verdict.vocabulary import CODED, LEDGER, PER_SECOND, PROBE, RUN, SCORE, family_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lakestorm.record.manifest import Latency, RequestSummary, Run


class Why(enum.Enum):
    """Why there is no number."""

    NO_SAMPLE = "no sample"
    UNKNOWN = "unknown"
    NOT_APPLICABLE = "not applicable"


@dataclasses.dataclass(frozen=True, slots=True)
class Absent:
    """No number, and the reason as half a sentence."""

    why: Why
    reason: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """What thresholds read.

    Attributes:
        measured: by request name, what was intended after the warm-up.
        probes: statistics of the whole run, by `probe.name`.
        ledger: the audit; empty while the run goes on.
        duration_s: from the end of the warm-up to the end of the load, or to now.
        users_peak: most users at one time.
        scores: of a detector, by target; a run itself has none.
    """

    measured: Mapping[str, RequestSummary]
    probes: Mapping[str, Mapping[str, Any]]
    ledger: Mapping[str, Any]
    duration_s: float
    users_peak: int
    scores: Mapping[str, Mapping[str, float | None]] = dataclasses.field(default_factory=dict)

    @classmethod
    def of_score(cls, scores: Mapping[str, Mapping[str, float | None]]) -> Observed:
        """A detector's score, and nothing else."""
        return cls(measured={}, probes={}, ledger={}, duration_s=0.0, users_peak=0, scores=scores)

    @classmethod
    def of_run(cls, run: Run) -> Observed:
        """A finished run."""
        ended_at = run.started_at if run.ended_at is None else run.ended_at
        return cls(
            measured={name: spans.measured for name, spans in run.requests.items()},
            probes=run.probes,
            ledger=run.ledger,
            duration_s=ended_at - run.started_at - run.warmup_s,
            users_peak=run.users_peak,
        )

    def value(self, target: str, name: str) -> float | Absent:
        """The number that a name has under a target; infinite where work never finished."""
        family = family_of(target)
        if family == SCORE:
            found = self.scores.get(target, {}).get(name)
            return Absent(Why.NO_SAMPLE, f"there is no {name}") if found is None else float(found)
        if family not in (RUN, LEDGER, PROBE):
            return self._of_request(target, name)
        if name == "duration_s":
            return self.duration_s
        if name == "users_peak":
            return self.users_peak
        if name.removesuffix(PER_SECOND) in COUNTS and (family == RUN or name.endswith(PER_SECOND)):
            return self._of_all_requests(name)
        return self._of_ledger(name) if family == LEDGER else self._of_probe(target.partition(" ")[2], name)

    def _of_request(self, target: str, name: str) -> float | Absent:
        summary = self.measured.get(target)
        if summary is None or not (summary.offered or summary.started):
            return Absent(Why.NO_SAMPLE, f"no {target} was measured")
        root, _, rest = name.partition(".")
        if root in LATENCIES:
            return statistic(summary, root, rest)
        if root in CODED:
            return float(getattr(summary, root).get(rest.strip("'"), 0))
        if name in ("duration_s", "users_peak"):
            return float(getattr(self, name))
        count = getattr(summary, name.removesuffix(PER_SECOND), None)
        if count is None:
            return Absent(Why.UNKNOWN, f"{target} has no {name.removesuffix(PER_SECOND)}")
        return self._per_second(count) if name.endswith(PER_SECOND) else float(count)

    def _of_all_requests(self, name: str) -> float | Absent:
        """A sum over the names under which something is offered: refusals' own names would count them twice."""
        offering = [summary for summary in self.measured.values() if summary.offered]
        if not offering:
            return Absent(Why.NO_SAMPLE, "nothing was offered")
        count = sum(getattr(summary, name.removesuffix(PER_SECOND)) for summary in offering)
        return self._per_second(count) if name.endswith(PER_SECOND) else float(count)

    def _per_second(self, count: float) -> float | Absent:
        if self.duration_s <= 0:
            return Absent(Why.UNKNOWN, "no time was measured")
        return count / self.duration_s

    def _of_ledger(self, name: str) -> float | Absent:
        state = self.ledger.get("state")
        if state not in ("closed", "open"):
            return Absent(Why.UNKNOWN, "the books could not be judged" if state else "no books were kept")
        found = self.ledger.get(name)
        return Absent(Why.UNKNOWN, f"the books have no {name}") if found is None else float(found)

    def _of_probe(self, probe: str, name: str) -> float | Absent:
        read = self.probes.get(probe, {})
        found = read.get(name)
        if found is not None:
            return float(found)
        return Absent(Why.NO_SAMPLE, unread(probe, name) if read.get("count") else f"{probe} was not read")


def unread(probe: str, name: str) -> str:
    """Why a probe that was read lacks a number."""
    if name == SLOPE:
        return f"the load was never level for {LEAST_S} s, so {probe} has no slope"
    if name == DRAIN:
        return f"{probe} did not drain"
    return f"{probe} has no {name}"


def statistic(summary: RequestSummary, kind: str, name: str) -> float | Absent:
    """One number of a latency in milliseconds; response ranks what was offered and never finished as infinite."""
    if kind in ("response_ms", "wait_ms", "response_ms_of_offered") and is_closed_loop(summary):
        return Absent(Why.NOT_APPLICABLE, "in a closed loop nothing is intended beforehand")
    found: Latency | None = getattr(summary, kind)
    if kind == "response_ms" and summary.offered is not None:
        found = summary.response_ms_of_offered
    if found is None or not found.count:
        return Absent(Why.NO_SAMPLE, f"no {kind.removesuffix('_ms')} was measured")
    value = getattr(found, name)
    return math.inf if value is None else float(value)


def is_closed_loop(summary: RequestSummary) -> bool:
    """Whether requests began when the one before ended: then there is service, and neither response nor wait."""
    if summary.response_ms or summary.response_ms_of_offered:
        return False
    unfinished = summary.failed + summary.skipped + summary.cancelled + summary.recovered
    return bool(summary.service_ms or unfinished)
