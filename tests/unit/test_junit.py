"""junit.xml, read as a build server reads it."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakestorm.model.labels import TRAVEL
from lakestorm.record.manifest import ThresholdResult
from lakestorm.report.junit import junit_xml
from lakestorm.verdict.score_values import score_json, values_of
from lakestorm.verdict.verdict import judged
from tests.unit.made_runs import BUY, replaced, run, with_ledger
from tests.unit.test_detection import at, scored


def threshold(result: str, text: str = "response_ms.p99 < 50", value: str = "response p99 = 61.2 ms") -> Any:
    """A threshold's result."""
    return ThresholdResult(target=BUY, expression=text, abort=False, result=result, value=value)  # type: ignore[arg-type]


def suite_of(text: str) -> ET.Element:
    """The one test suite."""
    root = ET.fromstring(text.encode())  # noqa: S314 - written by ourselves a line ago
    assert root.tag == "testsuites"
    (suite,) = root
    for element in (root, suite):
        for attribute, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            assert element.get(attribute) == str(len(root.findall(f".//{tag}")))
        assert element.get("tests") == str(len(root.findall(".//testcase")))
    return suite


def outcomes(suite: ET.Element, group: str) -> dict[str | None, tuple[str, str | None]]:
    """{test case: (what it came to, message)} of one group."""
    cases = [case for case in suite.findall("testcase") if case.get("classname") == f"flashsale.{group}"]
    assert all(case.get("time") for case in cases)
    return {c.get("name"): (c[0].tag, c[0].get("message")) if len(c) else ("passed", None) for c in cases}


def test_a_run_that_passed_has_no_red_case() -> None:
    """Every threshold, every invariant and the verdict is a case, and all pass."""
    suite = suite_of(junit_xml(judged(run(), [threshold("pass")])))
    assert outcomes(suite, "thresholds") == {f"{BUY}: response_ms.p99 < 50": ("passed", None)}
    ledger = outcomes(suite, "ledger")
    assert {"oversold", "lost", "duplicate", "unexplained", "the books balance"} <= set(ledger)
    assert {outcome for outcome, _ in ledger.values()} == {"passed"}
    assert outcomes(suite, "verdict") == {"the run passes": ("passed", None)}
    assert suite.get("timestamp") == "2027-01-15T08:00:00"
    assert suite.get("time") == "60.000"
    properties = {p.get("name"): p.get("value") for p in suite.findall("properties/property")}
    assert properties["run_id"] == "0123456789abc"
    assert properties["verdict"] == "pass"


def test_a_detectors_score_is_in_properties_and_cases() -> None:
    """Every figure by the name that thresholds have for it, empty where it is not known; a case for each threshold."""
    asked = {
        "target": "score all",
        "expression": "recall > 0.9",
        "abort": False,
        "result": "fail",
        "value": "recall = 0",
    }
    score = {**score_json(scored([at(100, TRAVEL)])), "thresholds": [asked]}
    suite = suite_of(junit_xml(judged(run(), [threshold("pass")]), score))
    properties = {p.get("name"): p.get("value") for p in suite.findall("properties/property")}
    for target, figures in values_of(score).items():
        for name, value in figures.items():
            assert properties[f"{target} {name}"] == ("" if value is None else str(value))
    ((case, (element, said)),) = outcomes(suite, "score").items()
    assert (case, element) == ("score all: recall > 0.9", "failure")
    assert "recall = 0" in str(said)
    assert outcomes(suite_of(junit_xml(judged(run(), []), {})), "score") == {}


@pytest.mark.parametrize(
    ("result", "element", "verdict"),
    [("fail", "failure", "failure"), ("unknown", "error", "error"), ("not applicable", "skipped", "passed")],
)
def test_results_as_elements(result: str, element: str, verdict: str) -> None:
    """Failed is a failure, unknown an error that turns a build red, not applicable skipped; the reason is told."""
    suite = suite_of(junit_xml(judged(run(), [threshold(result)])))
    ((outcome, message),) = outcomes(suite, "thresholds").values()
    assert outcome == element
    assert "response p99 = 61.2 ms" in str(message)
    assert outcomes(suite, "verdict")["the run passes"][0] == verdict


def test_an_invalid_run_is_an_error() -> None:
    """A generator that was the bottleneck turns the verdict's case into an error with its sentence."""
    suite = suite_of(junit_xml(judged(run(instrument={"invalid": ["It was late."]}), [])))
    assert outcomes(suite, "verdict") == {"the run passes": ("error", "Invalid: It was late.")}


@pytest.mark.parametrize(
    ("ledger", "oversold", "books"),
    [
        (with_ledger(state="open", oversold=3, reasons=["3 units."]), "failure", "failure"),
        (with_ledger(state="unknown", oversold=3, reasons=["Foreign writers."]), "error", "error"),
        ({"state": "unknown", "reasons": []}, None, "error"),
    ],
)
def test_invariants_of_the_ledger(ledger: dict[str, Any], oversold: str | None, books: str) -> None:
    """A broken invariant fails, books that cannot be judged are errors, never failures."""
    found = outcomes(suite_of(junit_xml(judged(run(ledger=ledger), []))), "ledger")
    assert found.get("oversold", (None, None))[0] == oversold
    assert found["the books balance"][0] == books


def test_a_run_without_books_has_no_such_cases() -> None:
    """No ledger, no case about it."""
    assert outcomes(suite_of(junit_xml(judged(run(ledger={}), []))), "ledger") == {}


NASTY = "a<b>&\"'\x00\x01\x0b\x1b\ud800\ufffe\uffff\r\n\t]]> 🛒 é ∞"


def test_any_character_survives_or_is_replaced() -> None:
    """What XML 1.0 cannot hold becomes U+FFFD, all else is read back as it was."""
    made = replaced(run(), command=NASTY, scenarios=["flashsale"], environment={"commit": NASTY})
    suite = suite_of(junit_xml(judged(made, [threshold("fail", value=NASTY)])))
    properties = {p.get("name"): p.get("value") for p in suite.findall("properties/property")}
    expected = "a<b>&\"'" + "\ufffd" * 7 + "\r\n\t]]> 🛒 é ∞"
    assert properties["command"] == expected
    assert expected in str(next(iter(outcomes(suite, "thresholds").values()))[1])


@given(st.text(st.characters()))
def test_any_text_makes_xml(text: str) -> None:
    """Whatever stands in a run, the file can be parsed and keeps every case."""
    made = replaced(run(ledger=with_ledger(state="open", reasons=[text])), command=text, scenarios=[text])
    suite = suite_of(junit_xml(judged(made, [threshold("fail", value=text), threshold("unknown", value=text)])))
    assert suite.get("failures") == "3"
    assert suite.get("errors") == "1"
