"""A score as `score.json` has it, and as thresholds read it.

A threshold's target is `score all` or `score KIND`; its names are those of SCORE_NAMES, under `score all` those of
ALL_NAMES too. A number that nothing was there to make of is None: a threshold on it is unknown.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lakestorm.verdict.detection import SCORED_KINDS
from lakestorm.verdict.score import ALL

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lakestorm.verdict.score import Detection, Score

FAMILY = "score"
SCORE_NAMES = ("labelled", "true_positives", "false_positives", "precision", "recall", "f1")
DELAYS = {"p50": 0.5, "p95": 0.95, "max": 1.0}
ALL_NAMES = (
    *SCORE_NAMES,
    *("logins", "alerts", "repeated", "ignored", "false_alerts_per_1000_logins"),
    *(f"delay_ms.{statistic}" for statistic in DELAYS),
)
TARGETS = {
    f"{FAMILY} {ALL}": frozenset(ALL_NAMES),
    **{f"{FAMILY} {kind}": frozenset(SCORE_NAMES) for kind in SCORED_KINDS},
}
"""{target: names}."""


def score_json(found: Detection) -> dict[str, Any]:
    """The score's figures; times in milliseconds, ratios 0…1."""
    return {
        "logins": found.logins,
        "alerts": found.alerts,
        "repeated": found.repeated,
        "ignored": found.ignored,
        "by_window": found.by_window,
        "window_ms": found.window_ms,
        "window_share": found.window_share,
        "false_alerts_per_1000_logins": found.false_alerts_per_1000_logins,
        "delay_ms": {
            **{statistic: found.delay_ms(quantile) for statistic, quantile in DELAYS.items()},
            "count": len(found.delays_ms),
            "negative": found.negative_delays,
        },
        "kinds": {kind: figures(of) for kind, of in found.scores.items()},
        "yardsticks": {"always": figures(found.always), "never": figures(found.never)},
    }


def figures(score: Score) -> dict[str, float | None]:
    """One line's figures by name."""
    return {name: getattr(score, name) for name in SCORE_NAMES}


def values_of(score: Mapping[str, Any]) -> dict[str, dict[str, float | None]]:
    """{target: {name: value}} of a score.json."""
    found = {f"{FAMILY} {kind}": dict(of) for kind, of in score["kinds"].items()}
    more = {name: score[name] for name in ALL_NAMES if name in score}
    delays = {f"delay_ms.{statistic}": score["delay_ms"][statistic] for statistic in DELAYS}
    return found | {f"{FAMILY} {ALL}": {**found[f"{FAMILY} {ALL}"], **more, **delays}}
