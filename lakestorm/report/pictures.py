"""Pictures as Plotly figures: plain JSON, colours as names of CSS variables that the page resolves by its theme.

Colours are written `--name` or `--name/alpha`. On a picture over time, margins are the same everywhere, so that all
share one x axis to the pixel.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import math
from typing import TYPE_CHECKING, Any

from lakestorm.record.figures import THIN, digits

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy.typing as npt

    from lakestorm.report.timescale import TimeScale

MARGIN_LEFT, MARGIN_RIGHT, MARGIN_BOTTOM, MARGIN_TOP = 70, 130, 46, 10
EVENT_ROW = 17
"""Pixels above the picture for the label of one event."""
LABEL_GAP = 16
"""Pixels between direct labels, at least."""
LOWEST_MS = 0.1


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """One question and its answer.

    Attributes:
        name: unique on the page.
        question: the title.
        answer: the caption, computed from the data.
        shows: the text alternative.
        figure: {data, layout} for Plotly.
        key: (colour, text) of what is drawn.
        keyed: whether the key is shown on wide screens too, where labels stand beside the lines.
        timed: whether x is the time since the start.
    """

    name: str
    question: str
    answer: str
    shows: str
    figure: dict[str, Any]
    key: list[tuple[str, str]]
    keyed: bool = False
    timed: bool = True

    @property
    def height(self) -> int:
        """Pixels."""
        return int(self.figure["layout"]["height"])


def numbers(values: Iterable[float] | npt.NDArray[Any]) -> list[float | None]:
    """Values for JSON with four significant digits; None where there is no number."""
    return [float(f"{value:.4g}") if math.isfinite(value) else None for value in map(float, values)]


def closed(values: Sequence[Any]) -> list[Any]:
    """Values of buckets with the last one twice: a step needs its end."""
    return [*values, *values[-1:]]


def step_line(x: list[Any], y: list[Any], colour: str, label: str, unit: str, **more: Any) -> dict[str, Any]:
    """A trace of steps: a value holds until the next."""
    line = {"color": colour, "width": more.pop("width", 2), "shape": "hv", "dash": more.pop("dash", "solid")}
    shown = f"{label} %{{y:.3~r}} {unit}<extra></extra>"
    return {"type": "scatter", "mode": "lines", "x": x, "y": y, "line": line, "hovertemplate": shown, **more}


def layout(height: int, **more: Any) -> dict[str, Any]:
    """What every picture has."""
    return {
        "height": height,
        "margin": {"l": MARGIN_LEFT, "r": MARGIN_RIGHT, "t": MARGIN_TOP, "b": MARGIN_BOTTOM},
        "paper_bgcolor": "--clear",
        "plot_bgcolor": "--clear",
        "font": {"family": "system-ui, sans-serif", "size": 13, "color": "--soft"},
        "hoverlabel": {"bgcolor": "--card", "bordercolor": "--rule", "font": {"color": "--ink"}},
        "hovermode": "x unified",
        "showlegend": False,
        "separators": f".{THIN}",
        "annotations": [],
        "shapes": [],
        **more,
    }


def axis(title: str, **more: Any) -> dict[str, Any]:
    """An axis with its unit in its title."""
    return {
        "title": {"text": title, "standoff": 8},
        "gridcolor": "--grid",
        "linecolor": "--rule",
        "zeroline": False,
        "fixedrange": True,
        "automargin": False,
        "exponentformat": "none",
        "separatethousands": True,
        **more,
    }


def time_layout(scale: TimeScale, plot_height: int, **more: Any) -> dict[str, Any]:
    """The layout of a picture over time, with phases behind and events above; ticks are the page's business."""
    top = MARGIN_TOP + EVENT_ROW * len(scale.events)
    found = layout(plot_height + top + MARGIN_BOTTOM, hoversubplots="axis", **more)
    found["margin"]["t"] = top
    started = dt.datetime.fromtimestamp(scale.started_at, dt.UTC).strftime("%H:%M:%S UTC")
    found["xaxis"] = axis(
        f"time since the start at {started}",
        range=[0, scale.seconds],
        fixedrange=False,
        showgrid=False,
        showspikes=False,
        ticks="outside",
        tickcolor="--rule",
        hoverformat=",.0f",
    )
    found["shapes"] += [*phase_shapes(scale), *event_shapes(scale, plot_height)]
    found["annotations"] += event_labels(scale)
    return found


def phase_shapes(scale: TimeScale) -> list[dict[str, Any]]:
    """Light shades behind the picture."""
    return [
        {
            "type": "rect", "layer": "below", "xref": "x", "yref": "paper", "y0": 0, "y1": 1, "line": {"width": 0},
            "x0": phase.from_s, "x1": phase.to_s,
            "fillcolor": "--shade-warmup" if phase.what == "warm-up" else "--shade",
        }
        for phase in scale.phases
    ]  # fmt: skip


def event_shapes(scale: TimeScale, plot_height: int) -> list[dict[str, Any]]:
    """Thin lines from the bottom to the event's label."""
    return [
        {
            "type": "line", "xref": "x", "yref": "paper", "x0": event.at_s, "x1": event.at_s,
            "y0": 0, "y1": 1 + (EVENT_ROW * (row + 1) - 4) / plot_height,
            "line": {"color": "--soft", "width": 1, "dash": "dot"},
        }
        for row, event in enumerate(reversed(scale.events))
    ]  # fmt: skip


def event_labels(scale: TimeScale) -> list[dict[str, Any]]:
    """One row a label, so that they never stand in each other's way."""
    found = []
    for row, event in enumerate(reversed(scale.events)):
        early = event.at_s < scale.seconds / 2
        beside = {"xanchor": "left", "xshift": 3} if early else {"xanchor": "right", "xshift": -3}
        found.append(note(event.at_s, 1, event.label, yref="paper", yanchor="bottom", yshift=EVENT_ROW * row, **beside))
    return found


def note(x: float, y: float, text: str, **more: Any) -> dict[str, Any]:
    """Small text in a picture."""
    return {"x": x, "y": y, "text": text, "showarrow": False, "font": {"size": 12, "color": "--soft"}, **more}


def end_labels(ends: Sequence[tuple[float, str]], plot_height: int, low: float, high: float) -> list[dict[str, Any]]:
    """Direct labels right of the picture, each near the end of its line, none over another.

    Args:
        ends: (y, text); y in the axis' own units, log10 on a log axis.
        plot_height: pixels.
        low: the axis' lower end.
        high: its upper end.
    """
    gap = LABEL_GAP * (high - low) / plot_height
    found = []
    for at, (_, text) in zip(spread([y for y, _ in sorted(ends)], gap, low, high), sorted(ends), strict=True):
        label = note(1, at, text, xref="paper", xanchor="left", yanchor="middle", xshift=6, name="label")
        found.append(label | {"font": {"size": 12, "color": "--ink"}})
    return found


def spread(places: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Places in ascending order, moved as little as makes them `gap` apart and keeps them from low to high."""
    found: list[float] = []
    for place in places:
        found.append(max(min(max(place, low), high), found[-1] + gap if found else low))
    for i in reversed(range(len(found))):
        found[i] = min(found[i], found[i + 1] - gap if i + 1 < len(found) else high)
    return found


def latency_axis(highest_ms: float) -> dict[str, Any]:
    """A log axis of times from 0.1 ms to above `highest_ms`; ticks are 1, 2, 5, or decades where those are many."""
    top = max(highest_ms, LOWEST_MS * 10) * 1.3
    decades = math.log10(top / LOWEST_MS)
    steps = (1, 2, 5) if decades < 2.6 else (1,)  # noqa: PLR2004 - about eight labels
    ticks = [base * LOWEST_MS * 10**power for power in range(math.ceil(decades) + 1) for base in steps]
    shown = [tick for tick in ticks if tick <= top]
    return axis(
        "",
        type="log",
        range=[math.log10(LOWEST_MS), math.log10(top)],
        tickvals=shown,
        ticktext=[time_text(tick) for tick in shown],
        tickmode="array",
    )


def time_text(milliseconds: float) -> str:
    """`0.5 ms`, `200 ms`, `5 s`: a tick."""
    return f"{milliseconds / 1e3:g} s" if milliseconds >= 999 else f"{milliseconds:.3g} ms"  # noqa: PLR2004 - 1 s


def ms_text(milliseconds: float) -> str:
    """A time with three significant digits."""
    return f"{digits(milliseconds / 1e3)} s" if milliseconds >= 10_000 else f"{digits(milliseconds)} ms"  # noqa: PLR2004
