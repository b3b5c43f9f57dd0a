"""The answer, before anything else: verdict, reasons, a handful of numbers."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from lakestorm.record.figures import duration, grouped
from lakestorm.report.pictures import ms_text
from lakestorm.report.sections.requests import request_rows
from lakestorm.report.summary import circumstances
from lakestorm.report.timescale import load_s
from lakestorm.verdict.verdict import WORDS

if TYPE_CHECKING:
    from lakestorm.record.folder import Results
    from lakestorm.report.sections.requests import RequestRow


@dataclasses.dataclass(frozen=True, slots=True)
class Fact:
    """One number that everybody wants to see: what it is, and itself with its unit."""

    label: str
    value: str
    bad: bool = False


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Attributes: `verdict` as in run.json, `word` for it, `headline` without that word, further `reasons`."""

    verdict: str
    word: str
    headline: str
    reasons: list[str]
    circumstances: str
    facts: list[Fact]


def answer(results: Results) -> Answer:
    """What came of the run."""
    run = results.run
    word = WORDS[run.verdict]
    first, *reasons = run.reasons or [""]
    return Answer(
        verdict=run.verdict,
        word=word,
        headline=first.removeprefix(f"{word}: "),
        reasons=reasons,
        circumstances=circumstances(run),
        facts=facts(results),
    )


def facts(results: Results) -> list[Fact]:
    """Numbers of the first request name that offers anything, then of the run; empty where nothing ran."""
    rows = [row for row in request_rows(results) if row.counts["offered"]]
    lasted = [Fact("duration", duration(load_s(results.run)))] if results.run.ended_at is not None else []
    return [*(facts_of(rows[0]) if rows else []), *lasted]


def facts_of(row: RequestRow) -> list[Fact]:
    """Counts and the p99 of one name."""
    counts = {name: count or 0 for name, count in row.counts.items()}
    unfinished = counts["failed"] + counts["skipped"] + counts["cancelled"]
    found = [
        Fact(f"{row.name} offered", grouped(counts["offered"])),
        Fact("completed", grouped(counts["completed"])),
        Fact("refused", grouped(counts["refused"])),
        Fact("failed, skipped, cancelled", grouped(unfinished), bad=counts["failed"] + counts["skipped"] > 0),
    ]
    p99 = row.percentiles["p99"]
    return found if p99 is None else [*found, Fact(f"p99 {row.kind}", ms_text(p99))]
