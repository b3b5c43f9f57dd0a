"""`lakestorm compare`: what changed from one run to another, as Markdown for a pull request or a terminal."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from lakestorm.record.figures import digits
from lakestorm.report.summary import code, plain

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lakestorm.record.manifest import Run

COLUMNS = ("offered /s", "completed /s", "unfinished %", "p50 ms", "p99 ms")
UNFINISHED = ("failed", "skipped", "cancelled")
LEAST_SAMPLES = 1000
"""A p99 of fewer is a handful of requests."""

ALIKE: Mapping[str, tuple[str, ...]] = {"machine": ("cores", "machine"), "commit": ("commit",), "Python": ("python",)}
"""What of run.json's environment should be the same, or is what is compared."""


def comparison(before: Run, after: Run) -> str:
    """Verdicts, a table of both runs' requests as measured, and whatever makes the numbers hard to compare."""
    lines = [f"### {before.verdict} → {after.verdict}", "", *table(before, after), ""]
    lines += [f"- {plain(sentence)}" for sentence in cautions(before, after)]
    lines += [f"- {code(name)}: {code(old)} → {code(new)}" for name, old, new in changed(before, after)]
    return "\n".join(lines).rstrip() + "\n"


def table(before: Run, after: Run) -> Iterator[str]:
    """A row for each request name of either run: before → after, and by how much."""
    yield "| request | " + " | ".join(COLUMNS) + " |"
    yield "| :--- |" + " ---: |" * len(COLUMNS)
    for name in dict.fromkeys([*before.requests, *after.requests]):
        sides = [values(run, name) for run in (before, after)]
        cells = [arrow(*pair) for pair in zip(*sides, strict=True)]
        yield f"| {plain(name)} | " + " | ".join(cells) + " |"


def values(run: Run, name: str) -> list[float | None]:
    """Numbers of the columns; None where there is none."""
    if name not in run.requests:
        return [None] * len(COLUMNS)
    span, seconds = run.requests[name].measured, measured_s(run)
    latency = span.answer_ms
    offered = span.offered
    unfinished = sum(getattr(span, outcome) or 0 for outcome in UNFINISHED)
    return [
        None if offered is None or not seconds else offered / seconds,
        span.completed / seconds if seconds else None,
        100 * unfinished / offered if offered else None,
        *(None if latency is None else finished(getattr(latency, which)) for which in ("p50", "p99")),
    ]


def finished(value_ms: float | None) -> float:
    """A percentile; infinite where work never finished."""
    return math.inf if value_ms is None else value_ms


def measured_s(run: Run) -> float:
    """How long was measured; 0 of a run that never ended."""
    return max(0.0, run.ended_at - run.started_at - run.warmup_s) if run.ended_at is not None else 0.0


def arrow(before: float | None, after: float | None) -> str:
    """`200 → 150 (-25 %)`."""
    texts = ["–" if value is None else digits(value) for value in (before, after)]
    if not before or after is None or math.isinf(before) or math.isinf(after):
        return f"{texts[0]} → {texts[1]}"
    change = f" ({100 * (after - before) / before:+.0f} %)"
    return f"{texts[0]} → {texts[1]}{change}"


def cautions(before: Run, after: Run) -> Iterator[str]:
    """Why a difference may not be what it looks like."""
    for word, run in (("first", before), ("second", after)):
        if run.verdict in ("invalid", "unknown"):
            yield f"The {word} run is {run.verdict}: {' '.join(run.reasons) or 'no reason is given.'}"
        for name, spans in run.requests.items():
            latency = spans.measured.answer_ms
            if latency is not None and spans.measured.completed < LEAST_SAMPLES:
                yield f"{name} of the {word} run has {spans.measured.completed} samples: its p99 is a handful of them."
    for word, fields in ALIKE.items():
        pair = [" ".join(str(run.environment.get(field, "?")) for field in fields) for run in (before, after)]
        if pair[0] != pair[1]:
            yield f"Another {word}: {pair[0]} → {pair[1]}."


def changed(before: Run, after: Run) -> Iterator[tuple[str, str, str]]:
    """Settings by which the runs differ: (name, before, after)."""
    for name in dict.fromkeys([*before.settings, *after.settings]):
        old, new = (run.settings.get(name, "") for run in (before, after))
        if old != new:
            yield name, old, new
