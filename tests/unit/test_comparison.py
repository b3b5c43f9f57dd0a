"""`lakestorm compare`: two runs side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lakestorm.cli.command_line import parser
from lakestorm.errors import ResultsError
from lakestorm.record.manifest import RequestSpans, run_to_json
from lakestorm.report.comparison import arrow, comparison
from tests.unit.made_runs import BUY, latency, replaced, request, run

if TYPE_CHECKING:
    from pathlib import Path


def test_rates_shares_and_percentiles_stand_beside_each_other() -> None:
    """Per second of what was measured, so that runs of different length compare; with the change in percent."""
    first = run(buys=request(offered=6000, completed=6000), verdict="pass")
    slower = request(offered=12000, completed=11400, failed=600, response_ms=latency(76.4, p50=None))
    second = run(buys=slower, verdict="fail", ended_at=first.started_at + 130, warmup_s=10)
    lines = comparison(first, second).splitlines()
    assert lines[0] == "### pass → fail"
    assert lines[4] == ("| PG order.buy | 100 → 100 (+0 %) | 100 → 95 (-5 %) | 0 → 5 | 4 → ∞ | 38.2 → 76.4 (+100 %) |")
    assert len(lines) == 5


def test_a_request_of_one_run_alone() -> None:
    """It has a row; what the other run lacks is a dash, and so is the rate of a run that never ended."""
    spans = RequestSpans(total=request(), measured=request(offered=3000, completed=3000))
    first = run(buys=request(completed=1000), ended_at=None)
    second = replaced(first, requests={**first.requests, "PG item.view": spans})
    rows = [line for line in comparison(first, second).splitlines() if line.startswith("| PG")]
    assert rows[0].startswith("| PG order.buy | – → – | – → – |")
    assert rows[1] == "| PG item.view | – → – | – → – | – → 0 | – → 4 | – → 38.2 |"


def test_what_makes_a_difference_doubtful_is_said() -> None:
    """Verdicts that allow no conclusion, few samples, another machine, and each setting that differs."""
    first = run(verdict="invalid", reasons=["The generator was late."], settings={"PURCHASE_MODE": "statement"})
    second = run(
        buys=request(completed=2000), settings={"PURCHASE_MODE": "transaction"}, environment={"commit": "d", "cores": 8}
    )
    said = comparison(first, replaced(second, verdict="pass"))
    assert "- The first run is invalid: The generator was late." in said
    assert f"- {BUY} of the first run has 990 samples" in said
    assert "of the second run has" not in said
    assert "- Another machine: ? ? → 8 ?." in said
    assert "- Another commit: abc → d." in said
    assert "- `PURCHASE_MODE`: `statement` → `transaction`" in said


def test_the_verb_reads_two_folders(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It prints the comparison; a folder that holds no run is named, with exit code 2."""
    (tmp_path / "run.json").write_text(run_to_json(run(verdict="pass")))
    arguments = parser().parse_args(["compare", str(tmp_path), str(tmp_path)])
    assert arguments.run_verb(arguments) == 0
    assert capsys.readouterr().out.startswith("### pass → pass\n")
    arguments = parser().parse_args(["compare", str(tmp_path), str(tmp_path / "none")])
    with pytest.raises(ResultsError, match="none is no results folder"):
        arguments.run_verb(arguments)


@pytest.mark.parametrize(
    ("before", "after", "text"),
    [
        (200.0, 150.0, "200 → 150 (-25 %)"),
        (0.0, 3.0, "0 → 3"),
        (None, None, "– → –"),
        (float("inf"), 3.0, "∞ → 3"),
    ],
)
def test_a_change(before: float | None, after: float | None, text: str) -> None:
    """In percent of what was, where that is a number to divide by."""
    assert arrow(before, after) == text
