"""Where the time of a change goes on its way: every hop of the canaries, from the commit sent to being seen."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from lakestorm.record.canaries import HOPS
from lakestorm.record.figures import digits, duration, grouped
from lakestorm.report.pictures import LOWEST_MS, Picture, latency_axis, layout, ms_text, note
from lakestorm.report.words import reading_in_words

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lakestorm.record.folder import Results

PROBE = "canary"
WAY = {
    "sent_to_source": "--wait",
    "source_to_connect": "--service",
    "connect_to_record": "--refused",
    "record_to_seen": "--travel",
}
"""Hops one after the other, with their colours; their times add up to the whole, but for what clocks differ by."""
WHOLE = "sent_to_seen"
ROW = 44
"""Pixels of a hop in the picture."""
LEAST = 1.0
"""Percent below which a hop's share is not worth a word."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class HopTimes:
    """One hop. Units: milliseconds, None where infinite or unknown; the share of the way's time in percent.

    Attributes:
        percent: None for what is no part of the way.
        negative: how often it came out below 0: its two ends are stamped by two clocks.
    """

    name: str
    label: str
    meaning: str
    colour: str
    p50: float | None
    p95: float | None
    p99: float | None
    max: float | None
    percent: float | None
    negative: int

    @property
    def times(self) -> list[str]:
        """p50, p95, p99 and the highest, in milliseconds; ∞ where orders that never came stand."""
        return ["∞" if value is None else digits(value) for value in (self.p50, self.p95, self.p99, self.max)]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """The picture, and the table below it: the whole, its parts in order, and what stands beside the way."""

    picture: Picture
    hops: list[HopTimes]

    @property
    def way(self) -> list[HopTimes]:
        """What takes a share of the time."""
        return [hop for hop in self.hops if hop.percent is not None]


def chain(results: Results) -> Chain | None:
    """None where no canary was sent, or none came."""
    found = results.canary.get("hops_ms", {})
    shares = shares_of(results)
    names = [name for name in (WHOLE, *WAY, *(n for n in HOPS if n not in WAY and n != WHOLE)) if counted(found, name)]
    if WHOLE not in names:
        return None
    hops = [hop_times(name, found[name], shares.get(name)) for name in names]
    return Chain(picture=picture(hops, results.canary), hops=hops)


def counted(found: Mapping[str, Any], name: str) -> int:
    """How many canaries have a time for a hop, lost ones included."""
    return int(found.get(name, {}).get("count", 0))


def shares_of(results: Results) -> dict[str, float]:
    """Percent of the way's time by hop: means, since medians do not add up; one below 0 has no share."""
    means = {}
    for name in WAY:
        series = results.probes.get((PROBE, name))
        if series is not None and np.isfinite(series.value).any():
            means[name] = max(0.0, float(np.nanmean(series.value)))
    total = sum(means.values())
    return {name: 100 * mean / total for name, mean in means.items()} if total else {}


def hop_times(name: str, summary: Mapping[str, Any], percent: float | None) -> HopTimes:
    """A hop as canary.json has it."""
    return HopTimes(
        name=name,
        label=reading_in_words(PROBE, name),
        meaning=HOPS.get(name, ""),
        colour=WAY.get(name, "--ink" if name == WHOLE else "--soft"),
        **{part: summary.get(part) for part in ("p50", "p95", "p99", "max")},
        percent=percent,
        negative=int(summary.get("negative", 0)),
    )


def picture(hops: list[HopTimes], canary: Mapping[str, Any]) -> Picture:
    """Each hop as a bar from its median on to p95 and, lighter, to p99."""
    known = [value for hop in hops for value in (hop.p50, hop.p95, hop.p99) if value is not None]
    top = max(known, default=1.0)
    found = layout(len(hops) * ROW + 60, hovermode="closest")
    found["margin"]["r"], found["margin"]["l"] = 24, 24
    found["xaxis"] = latency_axis(top) | {"ticks": "outside", "tickcolor": "--rule"}
    found["yaxis"] = {"visible": False, "range": [len(hops) - 0.4, -0.6], "fixedrange": True}
    data = []
    for row, hop in enumerate(hops):
        data += bars(hop, row, 10 ** found["xaxis"]["range"][1])
        label = note(0, row, hop.label, xref="paper", xanchor="left", yanchor="bottom", yshift=4)
        found["annotations"].append(label | {"font": {"size": 12, "color": "--ink"}})
    return Picture(
        name="chain",
        question="Where does the time go between a commit and Kafka?",
        answer=in_words(hops, canary),
        shows=f"p50, p95 and p99 of every part of the way, on a log axis: {', '.join(hop.label for hop in hops)}.",
        figure={"data": data, "layout": found},
        key=[("--ink", "point: p50"), ("--ink/0.55", "to p95"), ("--ink/0.25", "to p99")],
        keyed=True,
        timed=False,
    )


def bars(hop: HopTimes, row: int, top: float) -> list[dict[str, Any]]:
    """A hop's bars; what is infinite goes to the end of the axis, what is below it begins at its start."""
    p50, p95, p99 = (top if value is None else max(value, LOWEST_MS) for value in (hop.p50, hop.p95, hop.p99))
    said = f"{hop.label}: p50 {hop.times[0]} ms, p95 {hop.times[1]} ms, p99 {hop.times[2]} ms<extra></extra>"
    common = {"type": "scatter", "y": [row, row], "hovertemplate": said}
    return [
        common | {"mode": "lines", "x": [p50, p99], "line": {"color": f"{hop.colour}/0.25", "width": 9}},
        common | {"mode": "lines", "x": [p50, p95], "line": {"color": f"{hop.colour}/0.55", "width": 9}},
        common | {"mode": "markers", "x": [p50], "y": [row], "marker": {"color": hop.colour, "size": 11}},
    ]


def in_words(hops: list[HopTimes], canary: Mapping[str, Any]) -> str:
    """How long the way takes, which parts of it take most, what never came."""
    whole = hops[0]
    sent, missing = int(canary.get("sent", 0)), int(canary.get("failed", 0))
    p50, p95, p99 = (time_text(value) for value in (whole.p50, whole.p95, whole.p99))
    said = [f"Of {grouped(sent)} marked orders half were seen within {p50} of the commit sent, 95 % {p95}, 99 % {p99}."]
    if missing:
        limit = duration(float(canary.get("timeout_s", math.nan)))
        said.append(f"{grouped(missing)} failed or were not seen within {limit}; they rank as infinite.")
    parts = sorted((hop for hop in hops if (hop.percent or 0.0) >= LEAST), key=lambda hop: -(hop.percent or 0.0))
    if parts:
        shares = ", ".join(f"{hop.label} {digits(hop.percent or 0.0, 2)} %" for hop in parts)
        said.append(f"That time went to: {shares}.")
    return " ".join(said)


def time_text(milliseconds: float | None) -> str:
    """A time, or that it never ends."""
    return "∞" if milliseconds is None else ms_text(milliseconds)
