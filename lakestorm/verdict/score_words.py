"""A score in words and short texts, for the terminal and the report."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from lakestorm.record.figures import digits, duration, grouped

if TYPE_CHECKING:
    from collections.abc import Mapping

YARDSTICKS = {"always": "alerts always", "never": "alerts never"}
NAMES = {"all": "all, by login"}
COLUMNS = ("labelled", "found", "false", "precision", "recall", "F1")


def score_rows(score: Mapping[str, Any]) -> list[tuple[str, list[str]]]:
    """(name, one text for each of COLUMNS) of every kind and yardstick."""
    kinds = [(NAMES.get(kind, kind.replace("_", " ")), of) for kind, of in score["kinds"].items()]
    yardsticks = [(YARDSTICKS[name], of) for name, of in score["yardsticks"].items()]
    return [(name, cells_of(of)) for name, of in (*kinds, *yardsticks)]


def cells_of(of: Mapping[str, float | None]) -> list[str]:
    """A row's texts."""
    counts = [of["labelled"], of["true_positives"], of["false_positives"]]
    return [
        *("–" if number is None else grouped(number) for number in counts),
        *(ratio_text(of[name]) for name in ("precision", "recall", "f1")),
    ]


def ratio_text(value: float | None) -> str:
    """Three decimals, cut off: 0.9996 is not 1. A dash where nothing was divided by nothing."""
    return "–" if value is None else f"{math.floor(value * 1000) / 1000:.3f}"


def sentences(score: Mapping[str, Any]) -> list[str]:
    """What the table does not say."""
    found = [false_alerts(score), delays(score), counted(score)]
    if score["by_window"]:
        share = score["window_share"]
        covered = "" if share is None else f"; windows cover {digits(100 * share)} % of the accounts' time"
        window = duration(score["window_ms"] / 1e3)
        found.append(f"{grouped(score['by_window'])} alerts name no login and were matched within {window}{covered}.")
    return [sentence for sentence in found if sentence]


def false_alerts(score: Mapping[str, Any]) -> str:
    """How often people would be bothered."""
    rate = score["false_alerts_per_1000_logins"]
    return "" if rate is None else f"{digits(rate)} false alerts in 1\u2009000 of {grouped(score['logins'])} logins."


def delays(score: Mapping[str, Any]) -> str:
    """How soon it was told."""
    delay = score["delay_ms"]
    if not delay["count"]:
        return "Detection delay is not known: no true alert has a time."
    said = f"From a login's arrival in the topic to its alert: p50 {delay['p50']} ms, p95 {delay['p95']} ms."
    early = grouped(delay["negative"])
    return said if not delay["negative"] else f"{said} {early} came before their login: two clocks differ."


def counted(score: Mapping[str, Any]) -> str:
    """What became of all alerts."""
    more = f" {grouped(score['outside'])} more are not of this run's time." if score["outside"] else ""
    return (
        f"{grouped(score['alerts'])} alerts, of which {grouped(score['repeated'])} are about a login that has one"
        f" already and {grouped(score['ignored'])} about logins that the rule leaves open.{more}"
    )
