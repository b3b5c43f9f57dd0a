"""`junit.xml`: a run as a test suite, for Jenkins, GitHub and GitLab.

One test case a threshold, one an invariant of the ledger, one the verdict. A detector's score stands in properties, and
what it had to hold in cases of its own. What is unknown is an error, so that it
turns a build red; what does not apply is skipped. Format: the JUnit XML that Apache Ant wrote first, in the dialect
that the three share (testsuites, testsuite, properties, testcase, failure, error, skipped).
"""

from __future__ import annotations

import datetime as dt
import re
import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING, Any

from lakestorm.record.manifest import ThresholdResult
from lakestorm.verdict.ledger import WRONG
from lakestorm.verdict.score_values import values_of
from lakestorm.verdict.verdict import sentence

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lakestorm.record.manifest import Run

ILLEGAL = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 cannot hold, not even escaped (section 2.2)."""
ELEMENTS = {"fail": "failure", "unknown": "error", "invalid": "error", "not applicable": "skipped"}


def junit_xml(run: Run, score: Mapping[str, Any] | None = None) -> str:
    """The text of junit.xml, from the run and, where a detector was scored, its score.json."""
    seconds = f"{(run.ended_at or run.started_at) - run.started_at:.3f}"
    suites = ET.Element("testsuites", name="lakestorm", time=seconds)
    suite = ET.SubElement(suites, "testsuite", name=legal("+".join(run.scenarios) or "lakestorm"), time=seconds)
    suite.set("timestamp", dt.datetime.fromtimestamp(run.started_at, dt.UTC).strftime("%Y-%m-%dT%H:%M:%S"))
    add_properties(suite, run, score or {})
    add_case(suite, "verdict", "the run passes", run.verdict, run.reasons, seconds)
    for result in run.thresholds:
        name = f"{result.target}: {result.expression}"
        add_case(suite, "thresholds", name, result.result, reasons_of(result))
    add_ledger(suite, run)
    for of in (score or {}).get("thresholds", ()):
        result = ThresholdResult(**of)
        add_case(suite, "score", f"{result.target}: {result.expression}", result.result, reasons_of(result))
    for element in (suites, suite):
        count_cases(element)
    ET.indent(suites)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(suites, encoding="unicode") + "\n"


def add_properties(suite: ET.Element, run: Run, score: Mapping[str, Any]) -> None:
    """What identifies the run, and every figure of a detector's score by the name that thresholds have for it."""
    properties = ET.SubElement(suite, "properties")
    figures = values_of(score) if score else {}
    found = {
        "run_id": run.run_id,
        "verdict": run.verdict,
        "command": run.command,
        "stopped_by": run.stopped_by,
        "users_peak": run.users_peak,
        "commit": run.environment.get("commit", ""),
        **{f"{target} {name}": value for target, of in figures.items() for name, value in of.items()},
    }
    for name, value in found.items():
        ET.SubElement(properties, "property", name=name, value=legal("" if value is None else str(value)))


def add_ledger(suite: ET.Element, run: Run) -> None:
    """A case for each invariant that the books know, and one for their state."""
    state = run.ledger.get("state")
    if state is None:
        return
    for invariant in (name for name in WRONG if name in run.ledger):
        count = run.ledger[invariant]
        result = "unknown" if state == "unknown" else "fail" if count else "pass"
        add_case(suite, "ledger", invariant, result, [WRONG[invariant].format(n=count) + "."])
    result = {"closed": "pass", "open": "fail"}.get(state, "unknown")
    add_case(suite, "ledger", "the books balance", result, run.ledger.get("reasons", []))


def add_case(suite: ET.Element, group: str, name: str, result: str, reasons: list[str], seconds: str = "0.000") -> None:
    """One test case; `reasons` tell why it did not pass."""
    case = ET.SubElement(suite, "testcase", classname=f"{suite.get('name')}.{group}", name=legal(name), time=seconds)
    if result not in ELEMENTS:
        return
    said = [legal(reason) for reason in reasons] or [result]
    detail = ET.SubElement(case, ELEMENTS[result], message=said[0])
    if result != "not applicable":
        detail.set("type", result)
        detail.text = "\n".join(said)


def reasons_of(result: ThresholdResult) -> list[str]:
    """Why a threshold did not pass."""
    return [result.value if result.result == "not applicable" else sentence(result)]


def count_cases(element: ET.Element) -> None:
    """Set the counts that readers show without counting themselves."""
    element.set("tests", str(len(element.findall(".//testcase"))))
    for attribute, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        element.set(attribute, str(len(element.findall(f".//testcase/{tag}"))))


def legal(text: str) -> str:
    """The text with U+FFFD where XML 1.0 has no way to hold a character."""
    return ILLEGAL.sub("\ufffd", text)
