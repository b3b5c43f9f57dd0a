"""The table of requests: counts and times by name, measured after the warm-up."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from lakestorm.record.manifest import COUNTS, QUANTILES

if TYPE_CHECKING:
    from lakestorm.record.folder import Results
    from lakestorm.record.histograms import Histogram
    from lakestorm.record.manifest import RequestSummary
    from lakestorm.record.tables import Seconds

SHOWN = ("offered", "completed", "refused", "failed", "skipped", "cancelled", "late", "retried")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RequestRow:
    """One request name.

    Attributes:
        counts: by name of COUNTS; None where it does not apply.
        kind: of `percentiles`: `response`, in a closed loop `service`.
        percentiles: in milliseconds, by name of QUANTILES and `max`; None where there is none.
        p99s: of service, wait and slip, in milliseconds.
    """

    name: str
    counts: dict[str, int | None]
    kind: str
    percentiles: dict[str, float | None]
    p99s: dict[str, float | None]

    @property
    def times(self) -> list[float | None]:
        """All of them, in the table's order."""
        return [*self.percentiles.values(), *self.p99s.values()]


def request_rows(results: Results) -> list[RequestRow]:
    """Every name that ran; of a killed run as far as its files go."""
    known = results.run.requests
    if known:
        return [row_from_summary(name, spans.measured) for name, spans in known.items()]
    return [row_from_files(results, name, of) for name, of in results.timeline.items()]


def row_from_summary(name: str, summary: RequestSummary) -> RequestRow:
    """As run.json has it."""
    kind, latency = ("response", summary.response_ms) if summary.response_ms else ("service", summary.service_ms)
    return RequestRow(
        name=name,
        counts={count: getattr(summary, count) for count in COUNTS},
        kind=kind,
        percentiles={of: getattr(latency, of) if latency else None for of in (*QUANTILES, "max")},
        p99s={
            "service": summary.service_ms.p99 if summary.service_ms else None,
            "wait": summary.wait_ms.p99 if summary.wait_ms else None,
            "slip": summary.slip_ms.p99 if summary.slip_ms else None,
        },
    )


def row_from_files(results: Results, name: str, of: Seconds) -> RequestRow:
    """As timeline.csv and the histograms have it, where run.json was not finished."""
    counts: dict[str, int | None] = {count: int(values.sum()) for count, values in of.counts.items()}
    kind = "response" if (name, "response") in results.distributions else "service"
    found = percentiles_of(results.distributions.get((name, kind)))
    p99s = {of: percentiles_of(results.distributions.get((name, of)))["p99"] for of in ("service", "wait", "slip")}
    return RequestRow(name=name, counts=counts, kind=kind, percentiles=found, p99s=p99s)


def percentiles_of(distribution: Histogram | None) -> dict[str, float | None]:
    """Percentiles in milliseconds; None without a sample."""
    latency = distribution.latency() if distribution else None
    return {of: getattr(latency, of) if latency else None for of in (*QUANTILES, "max")}
