"""From results to one verdict and its reasons."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from lakestorm.errors import ExitCode, ResultsError
from lakestorm.record.figures import THIN, digits, duration
from lakestorm.record.manifest import RequestSpans, ThresholdResult, run_from_json, run_to_json
from lakestorm.verdict.headline import deeds_of
from lakestorm.verdict.verdict import EXIT_CODES, judged
from tests.unit.made_runs import BUY, latency, replaced, request, run, with_ledger

if TYPE_CHECKING:
    from lakestorm.record.manifest import Verdict

SLIP = {"invalid": ["PG order.buy: the generator itself was late by 90 ms."]}
OVERSOLD = with_ledger(state="open", oversold=3, reasons=["3 units were sold that were not there."])
FOREIGN = with_ledger(state="unknown", reasons=["Foreign writers: +1 rows."])


def threshold(result: str, expression: str = "response_ms.p99 < 50", target: str = BUY) -> ThresholdResult:
    """A threshold's result."""
    return ThresholdResult(target=target, expression=expression, abort=False, result=result, value="x = 1")  # type: ignore[arg-type]


COLD = {BUY: RequestSpans(total=request(), measured=request(offered=0, completed=0, refused=0))}
"""Everything happened during the warm-up."""
PASS, SLOW, UNSURE = threshold("pass"), threshold("fail"), threshold("unknown")
FEW = threshold("fail", "completed > 5000")


@pytest.mark.parametrize(
    ("changes", "results", "verdict", "first"),
    [
        ({}, [PASS], "pass", "Passed: "),
        ({}, [PASS, threshold("not applicable")], "pass", "Passed: "),
        ({"ledger": {}}, [PASS], "pass", "Passed: "),
        ({}, [PASS, SLOW], "fail", "Failed: PG order.buy: response_ms.p99 < 50 does not hold: x = 1."),
        ({}, [UNSURE, SLOW], "fail", "Failed: PG order.buy"),
        ({}, [PASS, UNSURE], "unknown", "Not known: PG order.buy: response_ms.p99 < 50 cannot be judged: x = 1."),
        ({"ledger": OVERSOLD}, [PASS, SLOW], "fail", "Failed: 3 units were sold that were not there."),
        ({"ledger": with_ledger(state="open")}, [PASS], "fail", "Failed: The books do not balance."),
        ({"ledger": FOREIGN}, [PASS], "unknown", "Not known: Foreign writers: +1 rows."),
        ({"ledger": FOREIGN}, [SLOW], "fail", "Failed: PG order.buy"),
        ({"instrument": SLIP}, [PASS], "invalid", "Invalid: PG order.buy: the generator itself was late"),
        ({"instrument": SLIP}, [SLOW], "invalid", "Invalid: PG order.buy: the generator itself was late"),
        ({"instrument": SLIP}, [UNSURE], "invalid", "Invalid: PG order.buy: the generator itself was late"),
        ({"instrument": SLIP}, [FEW], "fail", "Failed: PG order.buy: completed > 5000 does not hold"),
        ({"instrument": SLIP, "ledger": OVERSOLD}, [PASS], "fail", "Failed: 3 units"),
        ({"instrument": {"incomplete": ["Worker 2 was lost."]}}, [PASS], "unknown", "Not known: Worker 2 was lost."),
        ({"complete": False}, [PASS], "unknown", "Not known: The run did not come to its end."),
        ({"requests": {}}, [PASS], "unknown", "Not known: Nothing was offered."),
        ({"requests": COLD, "warmup_s": 9.0}, [PASS], "unknown", "Not known: Nothing was offered after the warm-up."),
        ({"requests": {}, "warmup_s": 9.0}, [PASS], "unknown", "Not known: Nothing was offered after the warm-up."),
    ],
)
def test_what_decides(changes: dict[str, Any], results: list[ThresholdResult], verdict: Verdict, first: str) -> None:
    """Failures stand above an unfit generator, that above the unknown; times of an unfit generator fail nothing."""
    found = judged(run(**changes), results)
    assert found.verdict == verdict
    assert found.reasons[0].startswith(first)
    assert found.thresholds == results


def test_every_reason_is_told() -> None:
    """Below the deciding reason stand all others, also thresholds on times that an unfit generator made worthless."""
    found = judged(run(ledger=OVERSOLD, instrument=SLIP), [SLOW, UNSURE, FEW])
    assert [reason[:30] for reason in found.reasons] == [
        "Failed: 3 units were sold that",
        "PG order.buy: completed > 5000",
        "PG order.buy: the generator it",
        "PG order.buy: response_ms.p99 ",
        "PG order.buy: response_ms.p99 ",
    ]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({}, "Passed: 990 orders bought, 10 refused, none oversold, none lost; p99 38.2 ms."),
        ({"ledger": {}}, "Passed: 990 orders bought, 10 refused; p99 38.2 ms."),
        (
            {"buys": request(completed=41203, refused=0, offered=41203, response_ms=None)},
            f"Passed: 41{THIN}203 orders bought, none oversold, none lost; service p99 38.2 ms.",
        ),
        (
            {"buys": request(completed=0, refused=1000, response_ms=None, service_ms=None)},
            f"Passed: 0 orders bought, 1{THIN}000 refused, none oversold, none lost.",
        ),
    ],
)
def test_a_pass_says_what_was_achieved(changes: dict[str, Any], sentence: str) -> None:
    """The first sentence of a run that passed has its deeds, its books and its p99."""
    assert judged(run(**changes), [PASS]).reasons == [sentence]


def test_the_headline_is_about_the_first_name_that_offers() -> None:
    """Refusals' own name is none to boast of."""
    refusals = request(offered=None, completed=7)
    spans = {"PG order.sold_out": RequestSpans(total=refusals, measured=refusals)} | run().requests
    assert judged(run(requests=spans), []).reasons[0].startswith("Passed: 990 orders bought")


@pytest.mark.parametrize(
    ("name", "deeds"),
    [
        ("PG order.buy", "orders bought"),
        ("PG item.view", "items viewed"),
        ("KAFKA login.produce", "logins produced"),
        ("CDC order.to_kafka", "orders completed"),
    ],
)
def test_deeds_in_words(name: str, deeds: str) -> None:
    """A request name reads as what was done."""
    assert deeds_of(name) == deeds


def test_exit_codes() -> None:
    """As docs/thresholds.md has them."""
    assert EXIT_CODES == {
        "pass": ExitCode.PASSED,
        "fail": ExitCode.FAILED,
        "unknown": ExitCode.UNKNOWN,
        "invalid": ExitCode.UNKNOWN,
    }
    assert list(EXIT_CODES.values()) == [0, 3, 4, 4]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"), (3.0, "3"), (38.24, "38.2"), (999.4, "999"), (999.7, f"1{THIN}000"),
        (1e6, f"1{THIN}000{THIN}000"),
        (0.00123, "0.00123"), (float("inf"), "∞"), (-5.55, "-5.55"), (1234567.0, f"1{THIN}234{THIN}567"),
    ],
)  # fmt: skip
def test_three_digits(value: float, text: str) -> None:
    """Three significant digits, thin spaces for thousands, never an exponent where a person reads a count."""
    assert digits(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.05, "50 ms"), (12.5, "12.5 s"), (59.99, "60 s"), (80.0, "1 m 20 s"), (3600.0, "1 h 0 m"), (0.0, "0 ms")],
)
def test_durations(seconds: float, text: str) -> None:
    """Durations as people say them."""
    assert duration(seconds) == text


def test_run_json_reads_back() -> None:
    """What is written is read as the same run, and a judged run too; unknown fields are ignored."""
    made = judged(run(ledger=OVERSOLD), [SLOW])
    assert run_from_json(run_to_json(made)) == made
    grown = json.loads(run_to_json(made)) | {"news": 1}
    assert run_from_json(json.dumps(grown)) == made


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"format": 2}, "format 2"),
        ({"run_id": 5}, "run.json: run_id"),
        ({"verdict": "fine"}, "pass, fail, unknown, invalid"),
        ({"started_at": "now"}, "a number"),
        ({"users_peak": True}, "a whole number"),
        ({"scenarios": "flashsale"}, "a list"),
        ({"settings": []}, "an object"),
        ({"requests": {BUY: {}}}, f"{BUY} has no total"),
        ({"shape": {}}, "shape has no name"),
        ({"thresholds": [5]}, "thresholds[0]"),
    ],
)
def test_another_file_is_refused(change: dict[str, Any], place: str) -> None:
    """A file of another format, or with a value of another type, is refused with the place."""
    text = json.dumps(json.loads(run_to_json(run())) | change)
    with pytest.raises(ResultsError) as refusal:
        run_from_json(text)
    assert place in str(refusal.value)


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", "NaN", '{"format": 1}', "[" * 100_000, '{"format": 1, "run_id": NaN}']
)
def test_what_is_no_run_is_refused(text: str) -> None:
    """Anything but a whole run.json is a ResultsError."""
    with pytest.raises(ResultsError):
        run_from_json(text)


def test_a_shape_reads_back_as_pairs() -> None:
    """JSON has no tuples; the shape's samples are pairs again."""
    shape = {"name": "Spike", "peak_users": 5, "run_time_s": 9.0, "doors_open_s": None, "users": [[0.0, 1.0]]}
    text = json.dumps(json.loads(run_to_json(run())) | {"shape": shape})
    found = run_from_json(text)
    assert found.shape is not None
    assert found.shape.users == [(0.0, 1.0)]
    assert replaced(found, shape=None) == run()
    assert latency() == run().requests[BUY].total.response_ms
