"""`run.json`: the one machine-readable summary of a run.

Latencies are in milliseconds, times `…_at` in seconds since 1970 (UTC), durations in seconds since the run's start.
A number that cannot be known is None, never 0. The JSON Schema in docs/run.schema.json is made from these classes.
"""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any, Literal

from lakestorm.errors import ResultsError
from lakestorm.record.decoding import instance_from_json

if TYPE_CHECKING:
    from pathlib import Path

FORMAT = 1
"""Version of the layout below; a reader refuses any other."""

QUANTILES = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99, "p999": 0.999}
COUNTS = (
    "offered", "started", "completed", "refused", "failed",
    "late", "skipped", "retried", "cancelled", "recovered",
)  # fmt: skip
LATENCIES = ("response_ms", "response_ms_of_offered", "service_ms", "wait_ms", "slip_ms")

Verdict = Literal["pass", "fail", "unknown", "invalid"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """A distribution in milliseconds. Percentiles are `inverted_cdf`; None where infinite (work never finished)."""

    count: int
    min: float | None
    mean: float | None
    p50: float | None
    p90: float | None
    p95: float | None
    p99: float | None
    p999: float | None
    max: float | None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RequestSummary:
    """One request name over a span of the run.

    `offered = completed + refused + failed + skipped + cancelled`, always. `offered` is None for a name under which
    nothing is offered (refusals stand under a name of their own, for their latencies). A latency is None where it
    does not apply (response and wait of a closed loop) or has no sample.
    """

    offered: int | None
    started: int
    completed: int
    refused: int
    failed: int
    late: int
    skipped: int
    retried: int
    cancelled: int
    recovered: int
    errors: dict[str, int]
    """Failed requests by SQLSTATE or driver's error name."""
    retries: dict[str, int]
    """Tries that were repeated, by SQLSTATE."""
    response_ms: Latency | None
    response_ms_of_offered: Latency | None
    service_ms: Latency | None
    wait_ms: Latency | None
    slip_ms: Latency | None
    waited_ms: dict[str, float]
    """Sum of waiting in milliseconds by what was waited for: `own` earlier request, `pool`, `slip`."""

    @property
    def answer_ms(self) -> Latency | None:
        """How long an answer took: the response; in a closed loop, which has none, the service."""
        return self.response_ms or self.service_ms


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RequestSpans:
    """`total`: the whole run; `measured`: what was intended after the warm-up."""

    total: RequestSummary
    measured: RequestSummary


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ShapeSummary:
    """The shape that moved the users; `users` samples it as [elapsed_s, users] pairs."""

    name: str
    peak_users: int
    run_time_s: float
    doors_open_s: float | None
    users: list[tuple[float, float]]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ThresholdResult:
    """One expression of the thresholds file and what came of it; `value` says the numbers it compared."""

    target: str
    expression: str
    abort: bool
    result: Literal["pass", "fail", "unknown", "not applicable"]
    value: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Everything that is known of one run."""

    format: int
    run_id: str
    complete: bool
    """False while the run goes on, and for ever if it was killed."""
    started_at: float
    ended_at: float | None
    """When the last user had stopped; the drain and the audit come after."""
    doors_open_s: float | None
    warmup_s: float
    scenarios: list[str]
    shape: ShapeSummary | None
    users_peak: int
    stopped_by: str
    """Why the load ended, as a word: `run time`, `shape`, `user`, `threshold` …; empty while it goes on."""
    command: str
    """How to run it again."""
    settings: dict[str, str]
    """By environment name; secrets as stars."""
    environment: dict[str, Any]
    """cores, machine, python, versions by package, commit, workers, server version."""
    requests: dict[str, RequestSpans]
    probes: dict[str, dict[str, Any]]
    ledger: dict[str, Any]
    """`state` (closed, open, unknown), `reasons`, and the audit's numbers."""
    thresholds: list[ThresholdResult]
    instrument: dict[str, Any]
    """What the generator did to the numbers: slip, loop lag, CPU."""
    verdict: Verdict
    reasons: list[str]


def run_to_json(run: Run) -> str:
    """`run.json`'s text."""
    return json.dumps(dataclasses.asdict(run), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def run_from_json(text: str) -> Run:
    """The run that `run.json` tells of; fields that are not ours are ignored.

    Raises:
        ResultsError: no JSON, of another format, or incomplete; says which and where.
    """
    try:
        found = json.loads(text, parse_constant=refuse_constant)
    except (ValueError, RecursionError) as error:
        raise ResultsError(f"run.json is not JSON: {error}.") from error
    if not isinstance(found, dict) or "format" not in found:
        raise ResultsError("run.json names no format: it is no file of this suite.")
    if found["format"] != FORMAT:
        raise ResultsError(
            f"run.json has format {found['format']!r}; this version reads format {FORMAT}."
            " Read it with the version of lakestorm that wrote it."
        )
    return instance_from_json(Run, found, "run.json")


def refuse_constant(name: str) -> float:
    """NaN and infinities are no JSON, though Python's reader takes them."""
    raise ValueError(f"it holds {name}")


def write_text(path: Path, text: str) -> None:
    """Replace a file at once: a reader, or a crash, sees the old text or the new, never half of it."""
    new = path.with_name(path.name + ".new")
    new.write_text(text, encoding="utf-8")
    new.replace(path)
