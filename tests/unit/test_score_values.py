"""A score in its file, on the terminal, and under thresholds."""

from __future__ import annotations

import json
from typing import Any

import pytest
from rich.console import Console

from lakestorm.errors import ThresholdsError
from lakestorm.load.logins import LoginStream
from lakestorm.load.verdicts import read_thresholds, score_thresholds
from lakestorm.scoring.score_table import score_table
from lakestorm.verdict.detection import Scorer
from lakestorm.verdict.score_values import TARGETS, score_json, values_of
from lakestorm.verdict.score_words import ratio_text, score_rows, sentences
from lakestorm.verdict.thresholds import default_thresholds
from lakestorm.verdict.values import Observed
from tests.unit.made_results import THIN
from tests.unit.test_detection import LOGINS, at, scored

NOTHING = score_json(Scorer([]).result())


def found(*alerts: Any, **how: Any) -> dict[str, Any]:
    """score.json of alerts over the labels of test_detection, as it is read back."""
    score: dict[str, Any] = json.loads(json.dumps(score_json(scored(list(alerts), **how))))
    return {**score, "outside": 0}


def test_thresholds_may_name_exactly_what_a_score_has() -> None:
    """No name without a value, no value without a name; without samples it is None."""
    assert {target: set(of) for target, of in values_of(found(at(100))).items()} == TARGETS
    assert {target: set(of) for target, of in values_of(NOTHING).items()} == TARGETS
    nothing = values_of(NOTHING)["score all"]
    assert {name for name, value in nothing.items() if value is None} == {
        *("precision", "recall", "f1", "false_alerts_per_1000_logins"),
        *("delay_ms.p50", "delay_ms.p95", "delay_ms.max"),
    }


@pytest.mark.parametrize(
    ("target", "text", "result"),
    [
        ("score all", "recall >= 0.5", "pass"),
        ("score all", "recall > 0.9", "fail"),
        ("score impossible_travel", "true_positives == labelled", "fail"),
        ("score all", "delay_ms.p95 <= 7", "pass"),
        ("score unseen_country", "precision > 0", "unknown"),
        ("score unseen_country", "if any: precision > 0", "not applicable"),
    ],
)
def test_thresholds_read_scores(tmp_path: Any, target: str, text: str, result: str) -> None:
    """They pass and fail by its numbers; a number that there is not is unknown, never passed."""
    file = tmp_path / "t.toml"
    file.write_text(f'"{target}" = ["{text}"]\n')
    [threshold] = score_thresholds(str(file), ["login"])
    score = found(at(100, "impossible_travel"))
    assert threshold.result(Observed.of_score(values_of(score))).result == result


def test_a_run_does_not_look_at_scores(tmp_path: Any) -> None:
    """A run is over before anybody can score it: a file of such thresholds only leaves it the default rule."""
    file = tmp_path / "t.toml"
    file.write_text('[login]\n"score all" = ["recall > 0.9"]\n')
    assert read_thresholds(str(file), [LoginStream()]) == default_thresholds()
    assert [of.target for of in score_thresholds(str(file), ["login"])] == ["score all"]
    assert score_thresholds(str(file), ["flashsale"]) == []


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('"score al" = ["recall > 0"]', "Did you mean score all?"),
        ('"score all" = ["recal > 0"]', "Did you mean recall?"),
        ('"score all" = ["errors.x > 0"]', "errors.x is not known"),
        ('"score unseen_country" = ["logins > 0"]', "logins is not known"),
        ('"score all" = ["abort: recall > 0"]', "scores are only known when the run is over"),
    ],
)
def test_mistakes_about_scores_are_told(tmp_path: Any, line: str, said: str) -> None:
    """With what was meant."""
    file = tmp_path / "t.toml"
    file.write_text(f"{line}\n")
    with pytest.raises(ThresholdsError) as raised:
        score_thresholds(str(file), ["login"])
    assert said in str(raised.value)


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "–"), (0.0, "0.000"), (0.9996, "0.999"), (1.0, "1.000"), (0.5, "0.500"), (2 / 3, "0.666")],
)
def test_ratios_are_cut_off(value: float | None, text: str) -> None:
    """So that only what is perfect looks perfect."""
    assert ratio_text(value) == text


def test_the_table_has_every_kind_and_both_yardsticks() -> None:
    """Labelled, found, false, precision, recall, F1; it fits 80 columns up to a hundred million logins."""
    rows = dict(score_rows(found(at(100, "impossible_travel"), at(600, "unseen_country"))))
    assert rows == {
        "impossible travel": ["2", "1", "0", "1.000", "0.500", "0.666"],
        "unseen country": ["1", "0", "1", "0.000", "0.000", "0.000"],
        "all, by login": ["2", "1", "1", "0.500", "0.500", "0.500"],
        "alerts always": ["2", "2", "13", "0.133", "1.000", "0.235"],
        "alerts never": ["2", "0", "0", "–", "0.000", "0.000"],
    }
    large = {"labelled": 10**8, "true_positives": 10**8, "false_positives": 10**8, "precision": 1, "recall": 1, "f1": 1}
    console = Console(width=80, record=True, file=None, quiet=True)
    many = {"kinds": dict.fromkeys(TARGETS, large), "yardsticks": {}}
    assert console.measure(score_table(many)).minimum <= 80


def test_sentences_say_what_the_table_does_not() -> None:
    """False alerts, delays, what became of all alerts, and how much a window covers."""
    said = " ".join(sentences(found(at(100), at(100), at(300), at(600), at(None, alerted_ms=10_210))))
    assert f"50 false alerts in 1{THIN}000 of {len(LOGINS)} logins." in said
    assert "p50 7 ms, p95 10 ms." in said
    assert "5 alerts, of which 1 are about a login that has one already and 1 about logins that" in said
    assert "1 alerts name no login and were matched within 60 ms; windows cover " in said
    early = " ".join(sentences(found(at(100, alerted_ms=10_000))))
    assert "1 came before their login: two clocks differ." in early
    nothing = " ".join(sentences({**NOTHING, "outside": 4}))
    assert "Detection delay is not known" in nothing
    assert "4 more are not of this run's time." in nothing
