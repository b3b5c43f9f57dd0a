"""Who waited for what: all time of answered requests, split by what it was spent on."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from lakestorm.record.figures import digits, duration

if TYPE_CHECKING:
    from lakestorm.record.folder import Results
    from lakestorm.record.manifest import RequestSummary

PARTS = {
    "service": "being served",
    "pool": "a free connection",
    "own": "the user's own earlier request",
    "slip": "the generator itself",
}
"""Parts in the order in which they are drawn."""
LEAST = 0.1
"""Percent below which a part is not worth a word."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Waits:
    """One request name. Units: seconds, summed over requests; shares of their sum in percent."""

    name: str
    seconds: dict[str, float]

    @property
    def total_s(self) -> float:
        """All of it."""
        return sum(self.seconds.values())

    def percent(self, part: str) -> float:
        """A part's share."""
        return 100 * self.seconds[part] / self.total_s if self.total_s else 0.0

    def seconds_text(self, part: str) -> str:
        """A part's seconds; those below a millisecond are not told apart."""
        seconds = self.seconds[part]
        return "< 0.001" if 0 < seconds < 1e-3 else digits(seconds)  # noqa: PLR2004 - the millisecond


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class WhoWaited:
    """All names and the answer in words."""

    rows: list[Waits]
    answer: str


def who_waited(results: Results) -> WhoWaited | None:
    """None where no request was answered."""
    found = [waits_of(name, spans.measured) for name, spans in results.run.requests.items()]
    rows = [waits for waits in found if waits.total_s > 0]
    return WhoWaited(rows=rows, answer=in_words(rows[0])) if rows else None


def waits_of(name: str, summary: RequestSummary) -> Waits:
    """Waiting as recorded; service from its mean. A closed loop waits for nothing but its slip."""
    service = summary.service_ms
    served_s = service.mean * service.count / 1e3 if service and service.mean is not None else 0.0
    waited = {what: ms / 1e3 for what, ms in summary.waited_ms.items() if what in PARTS}
    if summary.wait_ms is None:
        waited = {"slip": waited.get("slip", 0.0)}
    return Waits(name=name, seconds={part: {"service": served_s, **waited}.get(part, 0.0) for part in PARTS})


def in_words(waits: Waits) -> str:
    """The largest part first."""
    parts = sorted(PARTS, key=lambda part: -waits.seconds[part])
    said = ", ".join(f"{digits(waits.percent(part))} % {PARTS[part]}" for part in parts if waits.percent(part) >= LEAST)
    return f"Of {duration(waits.total_s)} that answered {waits.name} requests took in all: {said}."
