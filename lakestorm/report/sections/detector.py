"""How good the detector behind the topic was: the score of `lakestorm score`, if there is one."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from lakestorm.verdict.score_words import score_rows, sentences

if TYPE_CHECKING:
    from lakestorm.record.folder import Results


@dataclasses.dataclass(frozen=True, slots=True)
class Threshold:
    """What the score had to hold, and whether it did."""

    text: str
    result: str
    value: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ScoreShown:
    """Rows are (name, texts), a yardstick's after those of kinds."""

    answer: str
    rows: list[tuple[str, list[str]]]
    thresholds: list[Threshold]


def detector(results: Results) -> ScoreShown | None:
    """None where nobody was scored."""
    score = results.logins.score if results.logins else {}
    if not score:
        return None
    return ScoreShown(
        answer=" ".join([f"Alerts were read from {score['alerts_from']}.", *sentences(score)]),
        rows=score_rows(score),
        thresholds=[
            Threshold(f"{of['target']}: {of['expression']}", of["result"], of["value"]) for of in score["thresholds"]
        ],
    )
