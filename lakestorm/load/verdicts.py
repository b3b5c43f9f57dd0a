"""From a finished run to its verdict, its exit code and what CI reads."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from lakestorm.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from lakestorm.load.part import Scenario
    from lakestorm.record.manifest import Run, Verdict
    from lakestorm.settings import Settings


class Judge:
    """Holds the thresholds of this process."""

    def __init__(self, settings: Settings, scenarios: Sequence[Scenario]) -> None:
        self._settings = settings
        self._scenarios = scenarios

    def final(self, run: Run) -> Run:
        """The run with thresholds evaluated and a verdict."""
        state = run.ledger.get("state")
        buys = run.requests.get("PG order.buy")
        reasons = list(run.instrument["invalid"])
        verdict: Verdict = "invalid" if reasons else "pass"
        if buys is None:
            verdict, reasons = "unknown", ["nothing ran"]
        if state != "closed":
            verdict = "fail" if state == "open" else "unknown"
            reasons += run.ledger.get("reasons", [])
        return dataclasses.replace(run, verdict=verdict, reasons=reasons)

    def report(self, run: Run, folder: Path) -> None:
        """Write what people and CI read."""

    def exit_code(self, run: Run, *, broke: bool) -> int:
        """As documented."""
        if broke:
            return ExitCode.BROKE
        return {"pass": 0, "fail": 3}.get(run.verdict, 4)
