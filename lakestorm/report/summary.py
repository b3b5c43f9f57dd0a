"""`summary.md`: a run in twenty lines, for a comment on a pull request."""

from __future__ import annotations

import datetime as dt
import re
from typing import TYPE_CHECKING, Any

from lakestorm.record.figures import THIN, digits, duration, grouped
from lakestorm.report.sections.pipeline import pipeline_in_words
from lakestorm.report.terminal import equations
from lakestorm.verdict.score_words import COLUMNS, score_rows, sentences

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lakestorm.record.manifest import Latency, RequestSpans, Run, ThresholdResult

COUNTED = ("offered", "completed", "refused", "failed", "skipped", "cancelled")
REASONS_MAX = 4
ROWS_MAX = 8
FAILED_MAX = 10
ELSEWHERE = "report.html and run.json have all."


def summary_md(run: Run, score: Mapping[str, Any] | None = None) -> str:
    """The text of summary.md, from the run and, where a detector was scored, its score.json."""
    lines = [f"### {plain(run.reasons[0] if run.reasons else run.verdict)}", ""]
    lines += [f"- {plain(reason)}" for reason in run.reasons[1:REASONS_MAX]]
    lines += [f"{plain(circumstances(run))}", "", *table(run), ""]
    lines += [line for said in (pipeline_in_words(run),) if said for line in (plain(said), "")]
    lines += [line for books in equations(run.ledger) for line in (plain(books), "")]
    lines += [*score_lines(score), ""] if score else []
    lines += [thresholds_line(run), *failed_lines(run), "", f"Again: {code(run.command)}"]
    return "\n".join(lines) + "\n"


def circumstances(run: Run) -> str:
    """What ran, how much, for how long, when, and why it ended."""
    shape = f", {run.shape.name}" if run.shape else ""
    began = dt.datetime.fromtimestamp(run.started_at, dt.UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    lasted = f" for {duration(run.ended_at - run.started_at)}" if run.ended_at is not None else ""
    warmup = f", {duration(run.warmup_s)} of warm-up left out of the table" if run.warmup_s else ""
    ended = f", ended by: {run.stopped_by}" if run.stopped_by else ""
    names = " + ".join(run.scenarios)
    return f"{names}{shape}, at most {grouped(run.users_peak)} users, from {began}{lasted}{warmup}{ended}."


def table(run: Run) -> Iterator[str]:
    """One row a request name, what was measured of it; latencies are responses, in a closed loop services."""
    yield "| request | " + " | ".join(COUNTED) + " | p50 ms | p99 ms |"
    yield "| :--- |" + " ---: |" * (len(COUNTED) + 2)
    for name, spans in list(run.requests.items())[:ROWS_MAX]:
        yield f"| {plain(name)} | " + " | ".join(cells(spans)) + " |"
    if len(run.requests) > ROWS_MAX:
        yield f"\n{len(run.requests) - ROWS_MAX} more requests are left out here; {ELSEWHERE}"


def cells(spans: RequestSpans) -> list[str]:
    """Counts, then p50 and p99."""
    measured = spans.measured
    counts = [getattr(measured, name) for name in COUNTED]
    latency = measured.answer_ms
    return [*("" if n is None else grouped(n) for n in counts), percentile(latency, "p50"), percentile(latency, "p99")]


def percentile(latency: Latency | None, name: str) -> str:
    """Three significant digits; empty without a sample, ∞ where work never finished."""
    if latency is None:
        return ""
    value = getattr(latency, name)
    return "∞" if value is None else digits(value)


def score_lines(score: Mapping[str, Any]) -> Iterator[str]:
    """The detector's score as a table, what it does not say as a line, and the thresholds that it had to hold."""
    yield f"Detector, by {plain(score['alerts_from'])}:"
    yield ""
    yield f"| kind | {' | '.join(COLUMNS)} |"
    yield "| :--- |" + " ---: |" * len(COLUMNS)
    for name, texts in score_rows(score):
        yield f"| {plain(name)} | {' | '.join(texts)} |"
    yield ""
    yield plain(" ".join(sentences(score)))
    for of in score["thresholds"]:
        yield f"\n{of['result']}: {plain(of['target'])}: {plain(of['expression'])} ({plain(of['value'])})"


def thresholds_line(run: Run) -> str:
    """How many thresholds came to what."""
    results = [threshold.result for threshold in run.thresholds]
    words = {"fail": "failed", "unknown": "unknown", "pass": "passed", "not applicable": "not applicable"}
    counts = [f"{results.count(result)} {word}" for result, word in words.items() if result in results]
    return f"Thresholds: {', '.join(counts) or 'none'}."


def failed_lines(run: Run) -> Iterator[str]:
    """Thresholds that failed or are unknown, as a diff: its removed lines are shown in red."""
    bad = [threshold for threshold in run.thresholds if threshold.result in ("fail", "unknown")]
    if not bad:
        return
    yield "```diff"
    for threshold in bad[:FAILED_MAX]:
        yield diff_line(threshold)
    yield "```"
    if len(bad) > FAILED_MAX:
        yield f"{len(bad) - FAILED_MAX} more are left out here; {ELSEWHERE}"


def diff_line(threshold: ThresholdResult) -> str:
    """`-` stands before what failed, `!` before what is unknown."""
    mark = "-" if threshold.result == "fail" else "!"
    text = f"{mark} {threshold.target}: {threshold.expression} ({threshold.value})"
    return one_line(text)


def plain(text: str) -> str:
    """Text that Markdown shows as it is, on one line, also in a table."""
    return re.sub(r"([\\`*_\[\]<>|#~&$@])", r"\\\1", one_line(text))


def code(text: str) -> str:
    """Text as code, whatever backticks it holds."""
    fence = "`" * (max((len(run) for run in re.findall("`+", text)), default=0) + 1)
    pad = " " if "`" in text else ""
    return f"{fence}{pad}{one_line(text)}{pad}{fence}"


def one_line(text: str) -> str:
    """Text without line breaks and control characters; thin spaces stay."""
    shown = "".join(c if c.isprintable() or c == THIN else " " for c in text)
    return " ".join(shown.split(" ")).strip()
