"""How long requests took: percentiles over time, and the whole distribution of response, service, wait and slip."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from lakestorm.errors import ThresholdsError
from lakestorm.record.figures import grouped
from lakestorm.record.manifest import QUANTILES
from lakestorm.report.pictures import (
    Picture,
    closed,
    end_labels,
    latency_axis,
    ms_text,
    numbers,
    step_line,
    time_layout,
)
from lakestorm.report.sections.throughput import after
from lakestorm.verdict.expressions import Name, Number, expression_from_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from lakestorm.record.folder import Results
    from lakestorm.report.timescale import TimeScale

    Floats = npt.NDArray[np.float64]

HEIGHT = 280
BANDS = (("p50_ms", "p90_ms", 0.45), ("p90_ms", "p99_ms", 0.28), ("p99_ms", "p999_ms", 0.14))
"""From a percentile to the next, and how dense the band is."""
KEY = [("--response/0.45", "p50 to p90"), ("--response/0.28", "to p99"), ("--response/0.14", "to p99.9")]
LINES = {"p50_ms": (1.2, "p50"), "p99_ms": (2.2, "p99"), "p999_ms": (0.8, "p99.9")}
"""Percentiles with a line of their own: width and label."""


@dataclasses.dataclass(frozen=True, slots=True)
class Limit:
    """A threshold on a percentile of one request name. Units: milliseconds."""

    percentile: str
    at_ms: float
    failed: bool

    @property
    def label(self) -> str:
        """`p99 < 50 ms`."""
        return f"limit {label_of(self.percentile)} {ms_text(self.at_ms)}"


def label_of(percentile: str) -> str:
    """`p999` is p99.9."""
    return "p99.9" if percentile == "p999" else percentile


def limits(results: Results, name: str, kind: str) -> list[Limit]:
    """Thresholds of the form `response_ms.p99 < 50` (in a closed loop `service_ms…`) on this name."""
    found = []
    for threshold in results.run.thresholds:
        if threshold.target != name:
            continue
        try:
            comparison = expression_from_text(threshold.expression).comparison
        except ThresholdsError:  # written by another version; the table shows it as it is
            continue
        left, right = comparison.left, comparison.right
        if not (isinstance(left, Name) and isinstance(right, Number) and comparison.sign in ("<", "<=")):
            continue
        root, _, percentile = left.path.partition(".")
        if root == f"{kind}_ms" and percentile in (*QUANTILES, "max"):
            found.append(Limit(percentile, right.value, threshold.result == "fail"))
    return found


def kind_of(results: Results, name: str) -> str:
    """Whether a name has responses, or, in a closed loop, services only."""
    return "response" if (name, "response") in results.distributions else "service"


def timed_names(results: Results) -> list[str]:
    """Names with at least one answer."""
    return [name for name, of in results.timeline.items() if np.isfinite(of.percentiles_ms["p50_ms"]).any()]


def times_over_time(results: Results, scale: TimeScale, name: str, number: int) -> Picture:
    """Percentile bands of one name; `number` tells pictures of several names apart."""
    kind = kind_of(results, name)
    worst = {p: scale.maxima(values) for p, values in results.timeline[name].percentiles_ms.items()}
    drawn = limits(results, name, kind)
    top = max(float(np.nanmax(worst["p999_ms"])), *(limit.at_ms for limit in drawn), 0.0)
    layout = time_layout(scale, HEIGHT)
    layout["yaxis"] = latency_axis(top)
    label_times(layout, worst, drawn)
    since = "from the moment it was meant" if kind == "response" else "from its start"
    return Picture(
        name=f"times-{number}",
        question=f"How long did {name} take, {since} to its answer?",
        answer=f"{times_in_words(results, name, drawn)} {scale.note}".strip(),
        shows=f"Bands of {kind} time percentiles of {name} over time, from p50 to p99.9, on a log axis.",
        figure={"data": [*bands(scale, worst), *lines(scale, worst)], "layout": layout},
        key=[*KEY, *(("--failed" if limit.failed else "--ink", limit.label) for limit in drawn)],
    )


def bands(scale: TimeScale, worst: dict[str, Floats]) -> list[dict[str, Any]]:
    """Filled areas between percentiles; interrupted where no answer came."""
    found = []
    for lower, upper, alpha in BANDS:
        x, y = outline(scale.edges, worst[lower], worst[upper])
        filled = {"fill": "toself", "fillcolor": f"--response/{alpha}", "line": {"width": 0}, "hoverinfo": "skip"}
        found.append({"type": "scatter", "mode": "lines", "x": x, "y": y, **filled})
    return found


def outline(edges: Sequence[int], low: Floats, high: Floats) -> tuple[list[Any], list[Any]]:
    """Outlines of the area between two lines of steps, one after the other, None between; for `fill: toself`."""
    xs: list[Any] = []
    ys: list[Any] = []
    for first, last in stretches(np.isfinite(low) & np.isfinite(high)):
        along = [edge for i in range(first, last) for edge in edges[i : i + 2]]
        upper, lower = (numbers(np.repeat(values[first:last], 2)) for values in (high, low))
        xs += [*along, *reversed(along), None]
        ys += [*upper, *reversed(lower), None]
    return xs, ys


def stretches(there: npt.NDArray[np.bool_]) -> list[tuple[int, int]]:
    """[first, last) of every unbroken stretch of True."""
    border = np.flatnonzero(np.diff(np.concatenate([[False], there, [False]]).astype(np.int8)))
    return [(int(a), int(b)) for a, b in border.reshape(-1, 2)]


def lines(scale: TimeScale, worst: dict[str, Floats]) -> list[dict[str, Any]]:
    """One line a percentile that is read most."""
    x = scale.edges
    return [
        step_line(x, closed(numbers(worst[p])), "--response", label, "ms", width=width)
        for p, (width, label) in LINES.items()
    ]


def label_times(found: dict[str, Any], worst: dict[str, Floats], drawn: list[Limit]) -> None:
    """Limits as lines, and direct labels for them and the percentiles."""
    low, high = found["yaxis"]["range"]
    last = {label: worst[p][np.isfinite(worst[p])][-1] for p, (_, label) in LINES.items()}
    ends = [(math.log10(max(value, 1e-9)), label) for label, value in last.items()]
    for limit in drawn:
        colour = "--failed" if limit.failed else "--ink"
        line = {"color": colour, "width": 1.2, "dash": "dash"}
        found["shapes"].append(
            {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": limit.at_ms, "y1": limit.at_ms, "line": line}
        )
        ends.append((math.log10(limit.at_ms), limit.label))
    found["annotations"] += end_labels(ends, HEIGHT, low, high)


def times_in_words(results: Results, name: str, drawn: list[Limit]) -> str:
    """p50, p99, p99.9 over all, the worst second, and how often a limit was kept."""
    overall = results.distributions.get((name, kind_of(results, name)))
    seconds = results.timeline[name].percentiles_ms
    p99 = seconds["p99_ms"]
    worst = int(np.nanargmax(p99))
    said = []
    if overall:
        half, most, nearly = (ms_text(value / 1e6) for value in overall.quantiles_ns([0.5, 0.99, 0.999]))
        said.append(f"Half of {grouped(overall.count)} within {half}, 99 % within {most}, 99.9 % within {nearly}.")
    said.append(f"In the worst second, {after(worst)}, p99 was {ms_text(float(p99[worst]))}.")
    for limit in drawn:
        values = seconds.get(f"{limit.percentile}_ms")
        if values is not None:
            over = int((values >= limit.at_ms).sum())
            said.append(
                f"{label_of(limit.percentile)} reached its limit of {ms_text(limit.at_ms)} in "
                f"{'no second' if not over else f'{grouped(over)} of {grouped(len(values))} seconds'}."
            )
    return " ".join(said)
