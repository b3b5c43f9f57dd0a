"""The tab Run: what was counted of each request name so far, what the verdict would be, and the report in the end."""

from __future__ import annotations

import dataclasses
import math
import textwrap
import time
from typing import TYPE_CHECKING, Any

import flask

from lakestorm.load.web_charts import tallies
from lakestorm.load.web_tab import Tab
from lakestorm.report.page import FILE
from lakestorm.verdict.verdict import WORDS, sentence

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from locust.web import WebUI

    from lakestorm.load.live_run import LiveRun
    from lakestorm.load.verdicts import Judge
    from lakestorm.load.web_panel import Panel
    from lakestorm.record.manifest import Run, ThresholdResult
    from lakestorm.record.recorder import Recorder

COUNTED = ("offered", "started", "completed", "refused", "failed", "late", "skipped", "retried", "cancelled")
ALL = "All requests"
LINE = 34
"""Characters of a line; with the column before it, so wide is a phone."""
KEPT_S = 1.0
"""Thresholds are judged once in so many seconds, however many look."""
NO_REPORT = "No run has ended yet, so there is no report."


@dataclasses.dataclass(frozen=True, slots=True)
class Ended:
    """A run that has its verdict, and where its report lies."""

    run: Run
    folder: Path


class RunBoard:
    """The run that is shown, judged as it goes; and the last one that ended.

    Args:
        clock: seconds, monotonic.
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self.live: LiveRun | None = None
        self.ended: Ended | None = None
        """The last one that has a report."""
        self._judge: Judge | None = None
        self._clock = clock
        self._is_over = False
        self._judged_at = -math.inf
        self._results: Sequence[ThresholdResult] = ()

    def follow(self, live: LiveRun, judge: Judge) -> None:
        """Show a run from its start on."""
        self.live, self._judge, self._is_over = live, judge, False
        self._judged_at, self._results = -math.inf, ()

    def over(self, run: Run, folder: Path) -> None:
        """It has its verdict and its report."""
        self.ended, self._results, self._is_over = Ended(run, folder), run.thresholds, True

    def rows(self, state: str) -> list[dict[str, Any]]:
        """One row for all requests together, with the verdict and a sentence on the state; one for each name."""
        if self.live is None:
            return [row(ALL, {}, state)]
        results = self._judged_now(self.live)
        found = counted(self.live.recorder)
        total = {what: sum(counts[what] for counts in found.values()) for what in COUNTED}
        return [
            row(ALL, total, f"{self._verdict(results)} {state}"),
            *(row(name, counts, verdict_of(results, name)) for name, counts in found.items()),
        ]

    def _judged_now(self, live: LiveRun) -> Sequence[ThresholdResult]:
        """Results over the seconds that are over; the same ones for a second."""
        now, second = self._clock(), math.floor(live.elapsed_s())
        if not self._is_over and self._judge is not None and now - self._judged_at >= KEPT_S and second >= 1:
            self._judged_at = now
            self._results = self._judge.so_far(live, second)
        return self._results

    def _verdict(self, results: Sequence[ThresholdResult]) -> str:
        if self._is_over and self.ended is not None:
            return self.ended.run.reasons[0]
        failing = [result for result in results if result.result == "fail"]
        if failing:
            more = f" And {len(failing) - 1} more." if len(failing) > 1 else ""
            return f"{WORDS['fail']}, if it ended now: {sentence(failing[0])}{more}"
        if any(result.result == "pass" for result in results):
            return f"{WORDS['pass']}, if it ended now and its books balance."
        return f"{WORDS['unknown']} yet."


def counted(recorder: Recorder) -> dict[str, dict[str, int]]:
    """{request name: its counts} of the names that `run.json` will have, but for those of latencies alone."""
    found = {name: tally.total.counts for name, tally in tallies(recorder).items() if tally.offers}
    return {name: counts for name, counts in found.items() if counts["offered"] or counts["started"]}


def row(name: str, counts: dict[str, int], verdict: str) -> dict[str, Any]:
    """As Locust's table has it. It sorts by `name`; the row for all comes first."""
    order = "" if name == ALL else name
    shown = {what: counts.get(what, "") for what in COUNTED}
    return {"name": order, "request": name, "verdict": unbroken(verdict), **shown}


def unbroken(sentence: str) -> str:
    """Broken into lines of LINE characters at most: on a phone Locust's table would make a column one word wide."""
    return " ".join(
        line.replace(" ", "\N{NO-BREAK SPACE}") for line in textwrap.wrap(sentence, LINE, break_long_words=False)
    )


def verdict_of(results: Sequence[ThresholdResult], name: str) -> str:
    """What thresholds say of one request name; empty where none speaks of it."""
    own = [result for result in results if result.target == name]
    wrong = [sentence(result) for result in own if result.result in ("fail", "unknown")]
    return " ".join(wrong) or (f"{len(own)} of {len(own)} thresholds hold." if own else "")


def run_tab(panel: Panel) -> Tab:
    """The tab."""
    columns = {"request": "Request", "verdict": "Verdict so far", **{what: what.capitalize() for what in COUNTED}}
    return Tab(key="run", title="Run", columns=columns, rows=lambda: panel.board.rows(panel.state))


def add_report(pages: flask.Blueprint, web_ui: WebUI, board: RunBoard) -> None:
    """Add `/report`: the last report that was written. Its folder may be gone, if somebody deleted it."""

    @pages.route("/report")
    @web_ui.auth_required_if_enabled
    def report() -> flask.Response:
        if board.ended is None:
            return flask.make_response(NO_REPORT, 404)
        try:
            text = (board.ended.folder / FILE).read_text(encoding="utf-8")
        except OSError as error:
            return flask.make_response(f"{board.ended.folder / FILE}: {error.strerror}.", 404)
        return flask.Response(text, content_type="text/html; charset=utf-8")
