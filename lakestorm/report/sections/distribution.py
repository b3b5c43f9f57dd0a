"""All times of one request name by size: response, service, wait and slip up to 99.99 %, as HdrHistogram plots them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from lakestorm.report.pictures import (
    MARGIN_BOTTOM,
    MARGIN_TOP,
    Picture,
    axis,
    end_labels,
    latency_axis,
    layout,
    ms_text,
    numbers,
)

if TYPE_CHECKING:
    import numpy.typing as npt

    from lakestorm.record.folder import Results
    from lakestorm.record.histograms import Histogram

    Floats = npt.NDArray[np.float64]

HEIGHT = 300
KINDS = {"response": "--response", "service": "--service", "wait": "--wait", "slip": "--slip"}
WIDTHS = {"response": 5.0, "service": 1.6, "wait": 2.4, "slip": 1.8}
NINES_MAX = 4
"""The distribution goes to 99.99 %."""
SHARES = {0.5: "Half", 0.99: "99 %", 0.999: "99.9 %"}
PARTS = "Response is wait and service; slip is the part of wait that is the generator's own fault."
STEPS = 40
"""Points between 90 % and 99 %, and so on."""


def distribution(results: Results, name: str, number: int) -> Picture | None:
    """Response, service, wait and slip of one name, up to 99.99 %; None without a log."""
    found = {kind: results.distributions[name, kind] for kind in KINDS if (name, kind) in results.distributions}
    if not found:
        return None
    curves = {kind: curve(of) for kind, of in found.items()}
    top = max(float(y.max()) for _, y in curves.values())
    shown = layout(HEIGHT + MARGIN_TOP + MARGIN_BOTTOM, xaxis=nines_axis(), yaxis=latency_axis(top))
    ends = [(math.log10(max(float(y[-1]), 1e-9)), kind) for kind, (_, y) in curves.items()]
    shown["annotations"] = end_labels(ends, HEIGHT, *shown["yaxis"]["range"])
    return Picture(
        name=f"distribution-{number}",
        question=f"Where did the time of {name} go, for most and for the unlucky?",
        answer=shares_in_words(found),
        shows=f"Percentiles of {', '.join(found)} time of {name}, from 0 to 99.99 %, both axes logarithmic.",
        figure={"data": [curve_trace(kind, *xy) for kind, xy in curves.items()], "layout": shown},
        key=[(KINDS[kind], kind) for kind in found],
        timed=False,
    )


def curve(of: Histogram) -> tuple[Floats, Floats]:
    """(1 / (1 - p), milliseconds) up to 99.99 %; of fewer samples, the slowest of n stands at n."""
    last = min(10.0**NINES_MAX, float(of.count))
    x = np.append(10 ** np.arange(0, math.log10(last), 1 / STEPS), last)
    quantiles = 1 - 1 / x
    if last == of.count:
        quantiles[-1] = 1.0
    return x, np.array(of.quantiles_ns(list(quantiles))) / 1e6


def curve_trace(kind: str, x: Floats, y: Floats) -> dict[str, Any]:
    """One kind's curve. Service often is all of the response, and slip of the wait: both stay to be seen."""
    line = {"color": KINDS[kind], "width": WIDTHS[kind], "dash": "dot" if kind == "slip" else "solid"}
    shown = f"{kind} %{{y:.3~r}} ms<extra></extra>"
    return {"type": "scatter", "mode": "lines", "x": numbers(x), "y": numbers(y), "line": line, "hovertemplate": shown}


def nines_axis() -> dict[str, Any]:
    """0 %, 50 %, 90 %, 99 % … at distances that show the tail."""
    values = [1, 2, *(10**nines for nines in range(1, NINES_MAX + 1))]
    texts = [f"{100 - 100 / value:.6g} %" for value in values]
    ticks = {"tickmode": "array", "tickvals": values, "ticktext": texts, "ticks": "outside", "tickcolor": "--rule"}
    return axis("so many were at most that slow", type="log", range=[0, NINES_MAX], showspikes=False, **ticks)


def shares_in_words(found: dict[str, Histogram]) -> str:
    """How slow half, 99 % and 99.9 % were at most, by kind, the first kind first."""
    first, *others = found
    said = []
    for share, words in SHARES.items():
        at = {kind: ms_text(of.quantiles_ns([share])[0] / 1e6) for kind, of in found.items()}
        rest = ", ".join(f"{kind} {at[kind]}" for kind in others)
        said.append(f"{words} took at most {at[first]}" + (f" ({rest})" if rest else ""))
    return f"{'; '.join(said)}. {PARTS if 'wait' in found else ''}".strip()
