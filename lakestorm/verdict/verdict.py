"""The verdict: what a run comes to, why, and the exit code.

`fail` stands above `invalid` and that above `unknown`, with one exception: where the generator itself was the
bottleneck, a threshold on times says nothing about the system and does not fail the run. Books that do not balance do.
"""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING

from lakestorm.errors import ExitCode
from lakestorm.verdict.headline import headline

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lakestorm.record.manifest import Run, ThresholdResult, Verdict

WORDS: dict[Verdict, str] = {"pass": "Passed", "fail": "Failed", "unknown": "Not known", "invalid": "Invalid"}
EXIT_CODES: dict[Verdict, ExitCode] = {
    "pass": ExitCode.PASSED,
    "fail": ExitCode.FAILED,
    "unknown": ExitCode.UNKNOWN,
    "invalid": ExitCode.UNKNOWN,
}
STOPPED = ", which stopped the run"
"""Ends the value of the threshold by which a run was stopped."""
TIMED = re.compile(r"_ms\b|\blate\b")
"""Marks an expression that rests on the generator's clock."""


def judged(run: Run, results: Sequence[ThresholdResult]) -> Run:
    """The run with its thresholds' results, its verdict and the reasons, the most important first."""
    invalid: list[str] = run.instrument.get("invalid", [])
    failed = [result for result in results if result.result == "fail"]
    idle = [result for result in failed if invalid and TIMED.search(result.expression)]
    stopping = [result for result in failed if result.value.endswith(STOPPED)]
    others = [sentence(result) for result in failed if result not in idle and result not in stopping]
    failures = [*map(stopped, stopping), *broken_books(run), *others]
    unknowns = [*gaps(run), *(sentence(result) for result in results if result.result == "unknown")]
    verdict: Verdict = "fail" if failures else "invalid" if invalid else "unknown" if unknowns else "pass"
    reasons = [*failures, *invalid, *map(sentence, idle), *unknowns] or [f"{headline(run)}."]
    reasons[0] = f"{WORDS[verdict]}: {reasons[0]}"
    return dataclasses.replace(run, thresholds=list(results), verdict=verdict, reasons=reasons)


def broken_books(run: Run) -> list[str]:
    """Why the books do not balance; empty if they do, or if nobody can tell."""
    if run.ledger.get("state") != "open":
        return []
    return run.ledger.get("reasons") or ["The books do not balance."]


def gaps(run: Run) -> list[str]:
    """What is not known of the run, as sentences: its end, workers, requests, books."""
    found = [] if run.complete else ["The run did not come to its end."]
    found += run.instrument.get("incomplete", [])
    if not any(spans.measured.offered for spans in run.requests.values()):
        found.append("Nothing was offered after the warm-up." if run.warmup_s else "Nothing was offered.")
    if run.ledger.get("state") == "unknown":
        found += run.ledger.get("reasons") or ["The books could not be judged."]
    return found


def stopped(result: ThresholdResult) -> str:
    """What was stopped, and why."""
    value = result.value.removesuffix(STOPPED)
    return f"The load was stopped: {result.target}: {result.expression} does not hold: {value}."


def sentence(result: ThresholdResult) -> str:
    """A threshold that did not pass, in words."""
    what = {"fail": "does not hold", "unknown": "cannot be judged", "not applicable": "does not apply", "pass": "holds"}
    return f"{result.target}: {result.expression} {what[result.result]}: {result.value}."
