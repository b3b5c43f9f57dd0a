"""Thresholds on probes: what they may name, what they come to, and what a run that they stopped says first."""

from __future__ import annotations

from typing import Any

import pytest

from lakestorm.errors import ThresholdsError
from lakestorm.load.suite import SCENARIOS
from lakestorm.load.verdicts import vocabulary_of
from lakestorm.record.manifest import ThresholdResult
from lakestorm.verdict.expressions import expression_from_text
from lakestorm.verdict.thresholds import Reader, Threshold
from lakestorm.verdict.values import Observed
from lakestorm.verdict.verdict import STOPPED, judged
from tests.unit.made_runs import request, run, with_ledger

SLOT, GROUP = "probe replication_slot.lag_bytes", "probe consumer_group.lag"
READER = Reader(file="thresholds.toml", vocabulary=vocabulary_of(SCENARIOS), scenarios=["flashsale"], running=[])


def summary(**changes: Any) -> dict[str, Any]:
    """A backlog that was read sixty times."""
    numbers: dict[str, Any] = dict.fromkeys(
        ("first", "min", "mean", "max", "max_at_s", "last", "slope_per_s", "drain_s")
    )
    return {"unit": "bytes", "count": 60, "errors": 0, **numbers, **changes}


@pytest.mark.parametrize(
    "text",
    [
        f'"{SLOT}" = ["max < 500e6", "abort: max < 5e9", "drain_s < 30", "if any: slope_per_s < 1e6"]',
        f'"{GROUP}" = ["slope_per_s < 0.01 * offered_per_s"]',
        f'"{GROUP}.flink-enrich" = ["max < 1000", "drain_s < 10"]',
        '"probe topic.messages_per_s.shop.public.purchases" = ["mean > 1"]',
        '"probe connector.state" = ["abort: max < 5"]',
        '"probe canary.commit" = ["if any: max < 1000"]',
    ],
)
def test_what_probes_read_may_be_named(text: str) -> None:
    """Slots, groups one by one and together, topics; slopes and drains where there are such."""
    assert READER.thresholds(text)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ('"probe replication_slot.lag_byte" = ["max < 1"]', "Did you mean probe replication_slot.lag_bytes?"),
        ('"probe consumer_group.lag." = ["max < 1"]', "there is no such target"),
        ('"probe wal.bytes_per_s.of_whom" = ["max < 1"]', "there is no such target"),
        ('"probe wal.bytes_per_s" = ["drain_s < 1"]', "drain_s is not known under this target"),
        ('"probe consumer_group.lag.g" = ["slope < 1"]', "Did you mean slope_per_s?"),
    ],
)
def test_a_mistake_is_told(text: str, wanted: str) -> None:
    """With what was probably meant."""
    with pytest.raises(ThresholdsError) as told:
        READER.thresholds(text)
    assert wanted in str(told.value)


@pytest.mark.parametrize(
    ("probe", "text", "read", "result", "value"),
    [
        (SLOT, "max < 500e6", summary(max=2e6), "pass", "max = 2"),
        (SLOT, "abort: max < 5e9", summary(max=6e9), "fail", "max = 6"),
        (GROUP, "slope_per_s < 0.01 * offered_per_s", summary(slope_per_s=0.5), "pass", "slope_per_s = 0.5"),
        (GROUP, "slope_per_s < 0.01 * offered_per_s", summary(slope_per_s=-4.0), "pass", "slope_per_s = -4"),
        (GROUP, "slope_per_s < 0.01 * offered_per_s", summary(slope_per_s=2.0), "fail", "slope_per_s = 2"),
        # without a sample nothing is known: never read, only errors, no plateau, not drained
        (SLOT, "max < 500e6", {}, "unknown", "replication_slot.lag_bytes was not read"),
        (SLOT, "max < 500e6", summary(count=0, errors=60), "unknown", "was not read"),
        (SLOT, "if any: max < 500e6", {}, "not applicable", "was not read"),
        (GROUP, "slope_per_s < 1", summary(max=5.0), "unknown", "never level for 20 s"),
        (GROUP, "drain_s < 1", summary(max=5.0), "unknown", "consumer_group.lag did not drain"),
    ],
)
def test_what_a_threshold_on_a_probe_comes_to(
    probe: str, text: str, read: dict[str, Any], result: str, value: str
) -> None:
    """Against the readings of the whole run and its offered rate (100 a second here)."""
    observed = Observed(
        measured={"PG order.buy": request(offered=6000)},
        probes={probe.removeprefix("probe "): read},
        ledger={},
        duration_s=60.0,
        users_peak=1,
    )
    found = Threshold(probe, expression_from_text(text), text).result(observed)
    assert found.result == result
    assert value in found.value


def test_a_run_that_was_stopped_says_first_what_stopped_it() -> None:
    """Before books that do not balance, and before other thresholds that do not hold."""
    stopping = ThresholdResult(
        target=SLOT, expression="abort: max < 5e9", abort=True, result="fail",
        value=f"max = 6 000 000 000 after 12 s{STOPPED}",
    )  # fmt: skip
    other = ThresholdResult(target="run", expression="completed > 1", abort=False, result="fail", value="completed = 0")
    open_books = with_ledger(state="open", reasons=["3 orders are lost."])
    found = judged(run(ledger=open_books, stopped_by="threshold"), [other, stopping])
    assert found.verdict == "fail"
    assert found.reasons == [
        f"Failed: The load was stopped: {SLOT}: abort: max < 5e9 does not hold: max = 6 000 000 000 after 12 s.",
        "3 orders are lost.",
        "run: completed > 1 does not hold: completed = 0.",
    ]


def test_a_run_whose_probes_died_is_not_known() -> None:
    """What nobody read since then cannot be said to be well."""
    gap = "The probes' process ended with -9 after 12 s: nothing was read since."
    found = judged(run(instrument={"invalid": [], "incomplete": [gap]}), [])
    assert (found.verdict, found.reasons) == ("unknown", [f"Not known: {gap}"])
