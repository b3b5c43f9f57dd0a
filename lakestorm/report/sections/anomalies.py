"""Anomalies among the logins over time, by kind: what a detector behind the topic should have found, and when."""

from __future__ import annotations

import collections
from typing import TYPE_CHECKING

import numpy as np

from lakestorm.model.labels import COUNTRY, LEARNT, TRAVEL
from lakestorm.record.figures import grouped
from lakestorm.report.pictures import Picture, closed, numbers
from lakestorm.report.sections.rows import Row, rows_figure

if TYPE_CHECKING:
    import numpy.typing as npt

    from lakestorm.model.labels import Label
    from lakestorm.record.folder import Results
    from lakestorm.report.timescale import TimeScale

COLOURS = {TRAVEL: "--travel", COUNTRY: "--country"}
OPEN = "left open by the rule"
"""Labels that no detector is held to."""
SENTENCES = {TRAVEL: "by impossible travel", COUNTRY: "from an unseen country", OPEN: OPEN}


def anomalies(results: Results, scale: TimeScale) -> Picture | None:
    """None where there are no labels, or nobody knows what time it was in the events."""
    truth = results.logins
    if truth is None or truth.timeline is None:
        return None
    counts: dict[str, npt.NDArray[np.int64]] = {}
    before: collections.Counter[str] = collections.Counter()
    for label in truth.labels:
        if label.kind == LEARNT:
            continue
        second = truth.timeline.elapsed_s(label.at_ms)
        if second < 0:
            before[kind_of(label)] += 1
            continue
        seconds = counts.setdefault(kind_of(label), np.zeros(scale.seconds, dtype=np.int64))
        seconds[min(int(second), scale.seconds - 1)] += 1
    shown = {kind: counts[kind] for kind in (TRAVEL, COUNTRY, OPEN) if kind in counts}
    if not shown:
        return None
    return Picture(
        name="anomalies",
        question="Which anomalies were among the logins, and when?",
        answer=answer(shown, before),
        shows=f"Labelled logins per second by event time, one row each for {', '.join(map(word_of, shown))}.",
        figure=rows_figure(scale, rows(shown, scale)),
        key=[(colour_of(kind), f"{word_of(kind)} per s") for kind in shown],
    )


def kind_of(label: Label) -> str:
    """The label's kind if a detector is held to it."""
    return label.kind if label.scored else OPEN


def word_of(kind: str) -> str:
    """A kind in words."""
    return kind.replace("_", " ")


def colour_of(kind: str) -> str:
    """The same thing has the same colour on the map."""
    return COLOURS.get(kind, "--reading")


def rows(counts: dict[str, npt.NDArray[np.int64]], scale: TimeScale) -> list[Row]:
    """A row a kind."""
    x = list(scale.edges)
    return [
        Row(
            label=word_of(kind), unit="per s", colour=colour_of(kind), x=x, y=closed(numbers(scale.rates(of))),
            filled=True,
        )
        for kind, of in counts.items()
    ]  # fmt: skip


def answer(counts: dict[str, npt.NDArray[np.int64]], before: collections.Counter[str]) -> str:
    """How many of each; what lies in the history written before the run is told apart."""
    said = ", ".join(f"{grouped(int(of.sum()))} {SENTENCES[kind]}" for kind, of in counts.items())
    history = f" {grouped(before.total())} more are in the history before the run." if before else ""
    return f"By the published rule, over each account's final sequence of logins: {said}.{history}"
