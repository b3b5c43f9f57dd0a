"""The thresholds file: what it may say, what is refused, and what its names are worth in a run."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakestorm.errors import ExitCode, ThresholdsError
from lakestorm.load.purchases import FlashSale
from lakestorm.load.verdicts import read_thresholds
from lakestorm.record.manifest import RequestSpans
from lakestorm.verdict.expressions import expression_from_text
from lakestorm.verdict.ledger import ENTRIES, LinesSeen, ProcessLines, Stock, balance
from lakestorm.verdict.thresholds import Reader, Threshold, default_thresholds
from lakestorm.verdict.values import Observed
from lakestorm.verdict.vocabulary import Vocabulary
from tests.integration.locust_process import ROOT
from tests.unit.made_runs import BUY, latency, request, run, with_ledger

if TYPE_CHECKING:
    from pathlib import Path

    from lakestorm.record.manifest import RequestSummary

TARGETS = {
    BUY: (),
    "PG order.sold_out": (),
    "KAFKA login.produce": (),
    "ledger": ("oversold", "lost"),
    "probe stock.left": (),
    "probe group.lag": ("slope_per_s",),
}
READER = Reader(
    file="thresholds.toml", vocabulary=Vocabulary(TARGETS), scenarios=["flashsale", "login"], running=["flashsale"]
)


def problems_of(text: str) -> list[str]:
    """What is wrong with a file."""
    with pytest.raises(ThresholdsError) as refusal:
        READER.thresholds(text)
    assert refusal.value.exit_code == ExitCode.SETTINGS
    return list(refusal.value.problems)


def result_of(target: str, text: str, *, buys: RequestSummary | None = None, **changes: Any) -> tuple[str, str]:
    """A threshold's result and value in a made run."""
    threshold = Threshold(target, expression_from_text(text), text)
    found = threshold.result(Observed.of_run(run(buys=buys, **changes)))
    return found.result, found.value


def test_a_file_is_read_in_its_order() -> None:
    """Targets above all tables and in tables of running scenarios apply, with their text as it stands."""
    text = """
    "PG order.buy" = ["response_ms.p99 < 50", "abort:failed/offered<0.5"]
    ledger = ["oversold == 0"]
    "probe group.lag" = ["slope_per_s < 0.01 * offered_per_s"]
    run = ["offered > 0"]
    [login]
    "KAFKA login.produce" = ["completed > 0"]
    [flashsale]
    "probe stock.left" = ["min >= 0"]
    """
    found = [(t.target, t.text, t.expression.abort) for t in READER.thresholds(text)]
    assert found == [
        (BUY, "response_ms.p99 < 50", False),
        (BUY, "abort:failed/offered<0.5", True),
        ("ledger", "oversold == 0", False),
        ("probe group.lag", "slope_per_s < 0.01 * offered_per_s", False),
        ("run", "offered > 0", False),
        ("probe stock.left", "min >= 0", False),
    ]
    assert READER.thresholds("") == []


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ('"PG order.bye" = ["failed < 1"]', ['"PG order.bye"', "Did you mean PG order.buy?"]),
        ('"pg ORDER.buy" = ["failed < 1"]', ["Did you mean PG order.buy?"]),
        (f'"{BUY}" = ["faild < 1"]', [f'"{BUY}"', '"faild < 1"', "character 1", "Did you mean failed?"]),
        (f'"{BUY}" = ["p99 < 50"]', ["Did you mean response_ms.p99?"]),
        (f'"{BUY}" = ["1 > response_ms.p99.9"]', ["character 5", "Did you mean response_ms.p999?"]),
        (f'"{BUY}" = ["response_ms < 50"]', ["response_ms is not known"]),
        (f'"{BUY}" = ["errors < 1"]', ["errors is not known"]),
        (f'"{BUY}" = ["oversold == 0"]', ["oversold is not known"]),
        ('ledger = ["oversoled == 0"]', ["Did you mean oversold?"]),
        ('ledger = ["errors.40001 == 0"]', ["errors.40001 is not known"]),
        ('run = ["response_ms.p99 < 5"]', ["response_ms.p99 is not known"]),
        ('"probe stock.left" = ["mx < 1"]', ["Did you mean max?"]),
        ('"probe stock.left" = ["slope_per_s < 1"]', ["slope_per_s is not known"]),
        ('ledger = ["abort: lost == 0"]', ["when the run is over"]),
        (f'"{BUY}" = "failed < 1"', ["no list of expressions"]),
        (f'"{BUY}" = [5]', ["no list of expressions"]),
        (f"[login.'{BUY}']\nx = 1", ["no list of expressions"]),
        ("[flashsael]\n", ["[flashsael]", "Did you mean flashsale?"]),
        ('[login]\n"KAFKA login.produce" = ["faild < 1"]', ["Did you mean failed?"]),
        ("= 5", ["is not TOML", "line 1"]),
        ("x = " + "9" * 5000, ["is not TOML"]),
        ("x = " + "[" * 5000, ["is not TOML"]),
    ],
)
def test_a_mistake_is_told_with_what_was_meant(text: str, parts: list[str]) -> None:
    """Each refusal names the file, the target, the expression and its place, and the nearest thing that exists."""
    problems = problems_of(text)
    assert len(problems) == 1
    for part in ["thresholds.toml", *parts]:
        assert part in problems[0]


def test_all_mistakes_are_told_at_once() -> None:
    """Three mistakes in two targets make three sentences, and a good threshold beside them does not hide them."""
    text = f'"{BUY}" = ["faild < skiped", "completed > 0"]\n"PG x.y" = ["failed < 1"]'
    assert len(problems_of(text)) == 3


@given(st.text() | st.text('"=[]\n ab.<1', max_size=60))
def test_any_file_is_read_or_refused(text: str) -> None:
    """No file breaks the reader with anything but ThresholdsError."""
    try:
        said = [threshold.target for threshold in READER.thresholds(text)]
    except ThresholdsError as refusal:
        said = [problem.partition(",")[0] for problem in refusal.problems]
        said = said or ["refused without a word"]
    assert "refused without a word" not in said


@pytest.mark.parametrize(
    ("target", "text", "result"),
    [
        (BUY, "offered == 1000", "pass"),
        (BUY, "completed + refused == offered", "pass"),
        (BUY, "offered_per_s == 1000 / 60", "pass"),
        (BUY, "response_ms.p99 == 38.2", "pass"),
        (BUY, "errors.40001 == 0", "pass"),
        (BUY, "duration_s == 60", "pass"),
        (BUY, "users_peak == 40", "pass"),
        ("run", "offered == 1000", "pass"),
        ("run", "completed_per_s == 16.5", "pass"),
        ("ledger", "net_sold == 990", "pass"),
        ("ledger", "net_sold / duration_s == 16.5", "pass"),
        ("probe stock.left", "min == 10", "pass"),
        ("probe stock.left", "max > offered_per_s", "pass"),
        ("probe stock.right", "max > 0", "unknown"),
        ("PG item.restock", "failed == 0", "unknown"),
        ("PG item.restock", "if any: failed == 0", "not applicable"),
    ],
)
def test_names_are_worth_what_the_run_says(target: str, text: str, result: str) -> None:
    """Every family's names read the number that run.json shows; a name that never ran has none."""
    assert result_of(target, text)[0] == result


def test_thresholds_read_what_was_measured_after_the_warm_up() -> None:
    """Counts and rates leave the warm-up out, the ledger does not."""
    spans = RequestSpans(total=request(), measured=request(offered=500, completed=490))
    changes: dict[str, Any] = {"requests": {BUY: spans}, "warmup_s": 10.0}
    assert result_of(BUY, "offered == 500", **changes)[0] == "pass"
    assert result_of(BUY, "offered_per_s == 10", **changes)[0] == "pass"
    assert result_of("ledger", "lines == 990", **changes)[0] == "pass"
    assert result_of(BUY, "offered_per_s > 0", warmup_s=60.0) == ("unknown", "no time was measured")


@pytest.mark.parametrize("text", ["failed == 0", "response_ms.p99 < 50", "completed > 0", "errors.40001 == 0"])
def test_a_name_without_samples_never_passes(text: str) -> None:
    """A name of which nothing was measured is unknown, even for a count that would be zero."""
    empty = request(offered=0, started=0, completed=0, refused=0, response_ms=None, response_ms_of_offered=None)
    assert result_of(BUY, text, buys=empty)[0] == "unknown"
    assert result_of(BUY, f"if any: {text}", buys=empty)[0] == "not applicable"


def test_unfinished_work_ranks_as_infinite() -> None:
    """response_ms reads the distribution of what was offered: an infinite p99 fails whatever the limit."""
    buys = request(response_ms=latency(10.0), response_ms_of_offered=latency(None, count=1010))
    assert result_of(BUY, "response_ms.p99 < 1e12", buys=buys) == ("fail", "response p99 = ∞ ms")
    assert result_of(BUY, "response_ms.p95 < 50", buys=buys)[0] == "pass"
    assert Observed.of_run(run(buys=buys)).value(BUY, "response_ms.max") == math.inf


def test_refusals_have_responses_of_their_own() -> None:
    """Under a name that offers nothing, response_ms is what was measured there; its `offered` is not known."""
    sold_out = request(offered=None, completed=10, refused=0, response_ms_of_offered=None, response_ms=latency(7.0))
    assert result_of(BUY, "response_ms.p99 == 7", buys=sold_out)[0] == "pass"
    assert result_of(BUY, "failed / offered < 1", buys=sold_out)[0] == "unknown"
    assert result_of("run", "offered > 0", buys=sold_out)[0] == "unknown"


def test_refusals_are_not_counted_twice_in_the_whole_run() -> None:
    """`run` sums over names under which something is offered."""
    sold_out = request(offered=None, completed=10, refused=0)
    requests = {BUY: RequestSpans(total=request(), measured=request())}
    requests["PG order.sold_out"] = RequestSpans(total=sold_out, measured=sold_out)
    assert result_of("run", "completed + refused == offered", requests=requests)[0] == "pass"


@pytest.mark.parametrize(("name", "result"), [("response_ms", "not applicable"), ("wait_ms", "not applicable")])
@pytest.mark.parametrize("service", [latency(3.0), None])
def test_a_closed_loop_has_no_response(name: str, result: str, service: Any) -> None:
    """Without intended times response and wait do not apply, also where everything failed; counts do."""
    buys = request(
        response_ms=None, response_ms_of_offered=None, wait_ms=None, service_ms=service, failed=0 if service else 1000
    )
    assert result_of(BUY, f"{name}.p99 < 50", buys=buys)[0] == result
    assert result_of(BUY, "failed < 2000", buys=buys)[0] == "pass"
    assert result_of(BUY, "service_ms.p99 < 50", buys=buys)[0] == ("pass" if service else "unknown")


@pytest.mark.parametrize(
    ("ledger", "result"),
    [
        (with_ledger(), "pass"),
        (with_ledger(state="open", oversold=3), "fail"),
        (with_ledger(state="unknown"), "unknown"),
        ({}, "unknown"),
    ],
)
def test_books_that_cannot_be_judged_decide_nothing(ledger: dict[str, Any], result: str) -> None:
    """Numbers of a ledger count only where its state is closed or open."""
    assert result_of("ledger", "oversold == 0", ledger=ledger)[0] == result


def test_the_default_rule() -> None:
    """1 % unfinished work, or less than 95 % answered, breaks it."""
    kinds = {
        (990, 10, 0): ["pass", "pass"],
        (980, 10, 10): ["fail", "pass"],
        (930, 10, 60): ["fail", "fail"],
        (0, 0, 0): ["unknown", "unknown"],
    }
    for (completed, refused, failed), results in kinds.items():
        buys = request(offered=completed + refused + failed, completed=completed, refused=refused, failed=failed)
        observed = Observed.of_run(run(buys=buys))
        assert [t.result(observed).result for t in default_thresholds()] == results


def test_the_ledgers_entries_are_what_an_audit_writes() -> None:
    """Thresholds may name exactly the numbers of a balance."""
    seen, none = LinesSeen(1), np.zeros(1, dtype=bool)
    lines = ProcessLines(
        acknowledged=none, cancelled=none, doubtful=frozenset(), doubtful_cancels=frozenset(), seen=seen, reference=str
    )
    ledger = balance(Stock(start={}, restocked={}, now={}, net_sold={}), [lines])
    assert {name for name, value in ledger.items() if isinstance(value, int)} == ENTRIES


def test_the_repositorys_file_holds_for_a_flash_sale() -> None:
    """thresholds.toml at the root is read without complaint, and a plain run passes it, sold out or not."""
    found = read_thresholds(str(ROOT / "thresholds.toml"), [FlashSale()])
    results = {t.result(Observed.of_run(run())).result for t in found}
    assert len(found) >= 8
    assert results == {"pass", "not applicable"}


def test_which_file_is_read(no_settings: Path) -> None:
    """The default file may be missing, one asked for by name may not; an empty name asks for the default rule."""
    rule = default_thresholds()
    assert read_thresholds("thresholds.toml", [FlashSale()]) == rule
    assert read_thresholds("", [FlashSale()]) == rule
    (no_settings / "thresholds.toml").write_text("# nothing yet\n")
    assert read_thresholds("thresholds.toml", [FlashSale()]) == rule
    (no_settings / "thresholds.toml").write_text('run = ["offered > 5"]')
    assert [t.text for t in read_thresholds("thresholds.toml", [FlashSale()])] == ["offered > 5"]
    (no_settings / "latin").write_bytes(b"# \xe9")
    for file in ("mine.toml", str(no_settings), "latin"):
        with pytest.raises(ThresholdsError, match="THRESHOLDS_FILE"):
            read_thresholds(file, [FlashSale()])
