"""summary.md: what a pull request shows of a run."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lakestorm.model.labels import TRAVEL
from lakestorm.record.figures import THIN
from lakestorm.record.manifest import RequestSpans, ThresholdResult
from lakestorm.report.summary import code, summary_md
from lakestorm.verdict.score_values import score_json
from lakestorm.verdict.verdict import judged
from tests.unit.made_runs import BUY, latency, replaced, request, run, with_ledger
from tests.unit.test_detection import at, scored


def threshold(result: str, value: str = "response p99 = 61.2 ms") -> Any:
    """A threshold's result."""
    text = "response_ms.p99 < 50"
    return ThresholdResult(target=BUY, expression=text, abort=False, result=result, value=value)  # type: ignore[arg-type]


def test_a_run_that_passed() -> None:
    """Verdict in words, circumstances, a table, the books as an equation, thresholds, how to run it again."""
    buys = request(offered=41213, completed=41203, refused=10, response_ms=latency(1234.5, p50=4.0))
    lines = summary_md(judged(run(buys=buys), [threshold("pass"), threshold("not applicable")])).splitlines()
    assert lines[0] == (
        f"### Passed: 41{THIN}203 orders bought, 10 refused, none oversold, none lost; p99 1{THIN}234 ms."
    )
    assert "flashsale, at most 40 users, from 2027-01-15 08:00:00 UTC for 1 m 0 s, ended by: run time." in lines
    assert f"| PG order.buy | 41{THIN}213 | 41{THIN}203 | 10 | 0 | 0 | 0 | 4 | 1{THIN}234 |" in lines
    assert any(f"1{THIN}000 in stock + 0 restocked - 10 left = 990 net sold" in line for line in lines)
    assert "Thresholds: 1 passed, 1 not applicable." in lines
    assert "```diff" not in lines
    assert lines[-1] == "Again: `locust -f locustfiles/flashsale.py --headless -u 40 -t 60s`"


def test_failed_thresholds_are_red() -> None:
    """What failed stands as a removed line of a diff, what is unknown as a changed one."""
    lines = summary_md(judged(run(), [threshold("fail"), threshold("unknown", "no sample")])).splitlines()
    assert lines[0].startswith("### Failed: PG order.buy: response\\_ms.p99 \\< 50 does not hold")
    assert "Thresholds: 1 failed, 1 unknown." in lines
    start = lines.index("```diff")
    assert lines[start + 1 : start + 4] == [
        "- PG order.buy: response_ms.p99 < 50 (response p99 = 61.2 ms)",
        "! PG order.buy: response_ms.p99 < 50 (no sample)",
        "```",
    ]


def test_a_detectors_score_is_shown() -> None:
    """A row a kind and yardstick, what the table does not say, and what it had to hold; nothing where nobody scored."""
    failed = {"target": "score all", "expression": "recall > 0.9", "abort": False, "result": "fail", "value": "0.5"}
    score = {**score_json(scored([at(100, TRAVEL)])), "outside": 0, "alerts_from": "a_b.jsonl", "thresholds": [failed]}
    lines = summary_md(judged(run(), [threshold("pass")]), score).splitlines()
    assert "Detector, by a\\_b.jsonl:" in lines
    head = lines.index("| kind | labelled | found | false | precision | recall | F1 |")
    names = [line.split(" | ")[0] for line in lines[head + 2 : head + 7]]
    assert names == ["| impossible travel", "| unseen country", "| all, by login", "| alerts always", "| alerts never"]
    assert "fail: score all: recall \\> 0.9 (0.5)" in lines
    assert "Detector" not in summary_md(judged(run(), [threshold("pass")]), {})


def test_it_stays_short() -> None:
    """Thirty names and thirty failed thresholds make no essay; what is left out is counted."""
    spans = RequestSpans(total=request(), measured=request())
    requests = {f"PG thing.do_{i}": spans for i in range(30)}
    made = judged(run(requests=requests, ledger=with_ledger(state="open")), [threshold("fail")] * 30)
    text = summary_md(made)
    assert len(text.splitlines()) <= 40
    assert "22 more requests are left out" in text
    assert "20 more are left out" in text
    plain = summary_md(judged(run(), [threshold("pass")]))
    assert len(plain.splitlines()) <= 20


def test_what_does_not_apply_is_empty() -> None:
    """Refusals' own name has no `offered`; without a sample there is no percentile; unfinished work is infinite."""
    none = request(offered=None, response_ms=None, service_ms=None)
    endless = request(response_ms=latency(None))
    requests = {
        "PG order.sold_out": RequestSpans(total=none, measured=none),
        BUY: RequestSpans(total=endless, measured=endless),
    }
    text = summary_md(judged(run(requests=requests), []))
    assert "| PG order.sold\\_out |  | 990 | 10 | 0 | 0 | 0 |  |  |" in text
    assert "| PG order.buy | 1\u2009000 | 990 | 10 | 0 | 0 | 0 | 4 | ∞ |" in text
    assert "Thresholds: none." in text


def test_books_that_could_not_be_read() -> None:
    """Without numbers there is no equation, and the reason stands on top."""
    text = summary_md(judged(run(ledger={"state": "unknown", "reasons": ["The database is away."]}), []))
    assert text.startswith("### Not known: The database is away.")
    assert "net sold" not in text


@pytest.mark.parametrize(("text", "shown"), [("a b", "`a b`"), ("a`b", "`` a`b ``"), ("a``b", "``` a``b ```")])
def test_code_holds_backticks(text: str, shown: str) -> None:
    """A command with backticks is still one piece of code."""
    assert code(text) == shown


@given(st.text(st.characters(exclude_categories=())))
@example("```\n# x | y\r\u2028 <b> \x1b[31m \ud800")
def test_no_text_breaks_out(text: str) -> None:
    """Whatever stands in a run, the summary has the same lines, and its table the same columns."""
    made = replaced(run(ledger=with_ledger(state="open", reasons=[f"x{text}"])), command=f"x{text}", stopped_by=text)
    made = replaced(made, requests={f"PG {text}": run().requests[BUY]})
    found = summary_md(judged(made, [threshold("fail", text)])).split("\n")
    calm = judged(run(ledger=with_ledger(state="open", reasons=["x"]), command="x"), [threshold("fail", "y")])
    assert len(found) == len(summary_md(calm).split("\n"))
    row = next(line for line in found if line.startswith("| PG "))
    assert row.replace("\\\\", "").replace("\\|", "").count("|") == 10
    assert [line for line in found if line.startswith("```")] == ["```diff", "```"]
