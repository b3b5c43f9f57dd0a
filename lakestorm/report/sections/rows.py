"""Small pictures over time above each other, one row a series, each with an axis of its own."""

from __future__ import annotations

import dataclasses
import math
import textwrap
from typing import TYPE_CHECKING, Any

from lakestorm.report.pictures import axis, latency_axis, note, step_line, time_layout, time_text

if TYPE_CHECKING:
    from lakestorm.report.timescale import TimeScale

LABEL_WIDTH = 18
"""Characters of a label beside the picture, before it goes on in the next line."""
ROW = 96
GAP = 22
"""Pixels of a row, and between rows."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One series. Shapes: `x` seconds and `y` of one length; None in `y` where there is no value."""

    label: str
    unit: str
    colour: str
    x: list[Any]
    y: list[Any]
    filled: bool = False
    is_log: bool = False


def rows_figure(scale: TimeScale, rows: list[Row]) -> dict[str, Any]:
    """The rows as one figure, the first on top."""
    height = len(rows) * ROW + (len(rows) - 1) * GAP
    found = time_layout(scale, height)
    data = []
    for i, row in enumerate(rows):
        suffix = "" if i == 0 else str(i + 1)
        top = 1 - i * (ROW + GAP) / height
        bottom = max(0.0, top - ROW / height)
        found[f"yaxis{suffix}"] = row_axis(row) | {"domain": [bottom, top]}
        text = "<br>".join(textwrap.wrap(row.label, LABEL_WIDTH))
        label = note(1, (top + bottom) / 2, text, xref="paper", yref="paper", xanchor="left", xshift=6)
        of_label = {"align": "left", "name": "label", "font": {"size": 12, "color": "--ink"}}
        found["annotations"].append(label | of_label)
        fill = {"fill": "tozeroy", "fillcolor": f"{row.colour}/0.7"} if row.filled else {}
        data.append(step_line(row.x, row.y, row.colour, row.label, row.unit, yaxis=f"y{suffix}", **fill))
    found["xaxis"]["anchor"] = f"y{len(rows)}" if len(rows) > 1 else "y"
    return {"data": data, "layout": found}


def row_axis(row: Row) -> dict[str, Any]:
    """From 0 up; of times, where so wanted, a log axis with a tick a decade."""
    if not row.is_log:
        return axis(row.unit, rangemode="tozero", nticks=4)
    found = latency_axis(max((y for y in row.y if y is not None), default=1.0))
    lowest, highest = found["range"]
    ticks = [10.0**power for power in range(round(lowest), math.floor(highest) + 1)]
    return found | {"tickvals": ticks, "ticktext": [time_text(tick) for tick in ticks]}
