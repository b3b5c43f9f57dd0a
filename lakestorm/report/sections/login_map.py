"""A map of the world with the journeys that the rule calls anomalies. Cities are its outline: nothing is downloaded."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from lakestorm.model.geography import largest_of
from lakestorm.model.labels import COUNTRY, TRAVEL
from lakestorm.record.figures import grouped
from lakestorm.record.login_labels import Way
from lakestorm.report.pictures import Picture, axis, layout, numbers
from lakestorm.report.sections.anomalies import COLOURS, SENTENCES, word_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    import numpy.typing as npt

    from lakestorm.model.geography import Place
    from lakestorm.model.labels import Label
    from lakestorm.record.folder import Results

ARCS_MAX = 150
"""Of one kind: more hide each other."""
ARC_POINTS = 24
SOUTH, NORTH = -57.0, 75.0
"""Degrees of latitude between which people live in cities."""
HEIGHT = 430
GRATICULE = 60
HALF = 180.0
"""Degrees from the middle of the map to its edges."""


def login_map(results: Results, places: Callable[[], Iterable[Place]]) -> Picture | None:
    """None where no label knows its journey's ends; `places` are asked for only if there is a map."""
    ways = ways_of(results.logins.labels) if results.logins else {}
    if not ways:
        return None
    drawn = {kind: some_of(of) for kind, of in ways.items()}
    traces = [towns(places())]
    for kind, of in drawn.items():
        traces += [arcs(of, COLOURS[kind]), goals(of, COLOURS[kind])]
    return Picture(
        name="login-map",
        question="Between which places were they?",
        answer=answer(ways, drawn),
        shows="A map of the world made of its cities; lines lead from the login before to the one that is an anomaly.",
        figure={"data": traces, "layout": map_layout()},
        key=[("--soft", "a city"), *((COLOURS[kind], word_of(kind)) for kind in drawn)],
        keyed=True,
        timed=False,
    )


def ways_of(labels: Iterable[Label]) -> dict[str, list[Way]]:
    """Journeys by kind; one that is both is drawn as the impossible one that it is."""
    found: dict[str, dict[tuple[str, int], Way]] = {COUNTRY: {}, TRAVEL: {}}
    for label in labels:
        if label.scored and label.kind in found and isinstance(label.ref, Way):
            found[label.kind][label.user_id, label.at_ms] = label.ref
    both = found[TRAVEL].keys()
    found[COUNTRY] = {login: way for login, way in found[COUNTRY].items() if login not in both}
    return {kind: list(of.values()) for kind, of in found.items() if of}


def some_of(ways: list[Way]) -> list[Way]:
    """At most ARCS_MAX of them, spread evenly over the run."""
    step = max(1.0, len(ways) / ARCS_MAX)
    return [ways[int(i * step)] for i in range(min(len(ways), ARCS_MAX))]


def towns(places: Iterable[Place]) -> dict[str, Any]:
    """The cities that people live in, as dots."""
    found = largest_of(places)
    marker = {"color": "--soft/0.45", "size": 2.5}
    return {
        "type": "scatter", "mode": "markers", "hoverinfo": "skip", "marker": marker,
        "x": numbers(place.lon for place in found), "y": numbers(place.lat for place in found),
    }  # fmt: skip


def arcs(ways: list[Way], colour: str) -> dict[str, Any]:
    """All great circles of one kind as one line with gaps."""
    x: list[float | None] = []
    y: list[float | None] = []
    for way in ways:
        lon, lat = great_circle(way)
        x += [*lon, None]
        y += [*lat, None]
    line = {"color": f"{colour}/0.6", "width": 1.2}
    return {"type": "scatter", "mode": "lines", "hoverinfo": "skip", "x": x, "y": y, "line": line, "connectgaps": False}


def goals(ways: list[Way], colour: str) -> dict[str, Any]:
    """Where the odd logins came from."""
    return {
        "type": "scatter", "mode": "markers", "marker": {"color": colour, "size": 5},
        "x": numbers(way.lon for way in ways), "y": numbers(way.lat for way in ways),
        "text": [f"{way.from_city} → {way.city}" for way in ways], "hovertemplate": "%{text}<extra></extra>",
    }  # fmt: skip


def great_circle(way: Way) -> tuple[list[float | None], list[float | None]]:
    """(longitudes, latitudes) from start to goal, with a gap where the line leaves the map's edge.

    p(t) ~ sin((1 − t) ω) a + sin(t ω) b,   ω the angle between the unit vectors a and b,   0 ≤ t ≤ 1
    """
    a, b = unit(way.from_lat, way.from_lon), unit(way.lat, way.lon)
    omega = math.acos(max(-1.0, min(1.0, float(a @ b))))
    t = np.linspace(0.0, 1.0, ARC_POINTS)[:, None]
    is_short = math.sin(omega) < 1e-6  # noqa: PLR2004 - one place, or so near that a straight line is the same
    points = (1 - t) * a + t * b if is_short else np.sin((1 - t) * omega) * a + np.sin(t * omega) * b
    lat = np.degrees(np.arctan2(points[:, 2], np.hypot(points[:, 0], points[:, 1])))
    lon = np.degrees(np.arctan2(points[:, 1], points[:, 0]))
    return split_at_edges(lon.tolist(), lat.tolist())


def split_at_edges(lon: Sequence[float], lat: Sequence[float]) -> tuple[list[float | None], list[float | None]]:
    """The line with a gap at ±180°: it goes on to the one edge, and comes in from the other."""
    x: list[float | None] = []
    y: list[float | None] = []
    for i, (to_lon, to_lat) in enumerate(zip(lon, lat, strict=True)):
        if i and abs(to_lon - lon[i - 1]) > HALF:
            edge = math.copysign(HALF, lon[i - 1])
            part = (edge - lon[i - 1]) / (to_lon + 2 * edge - lon[i - 1])
            at = round(lat[i - 1] + part * (to_lat - lat[i - 1]), 2)
            x += [edge, None, -edge]
            y += [at, None, at]
        x.append(round(to_lon, 2))
        y.append(round(to_lat, 2))
    return x, y


def unit(lat: float, lon: float) -> npt.NDArray[np.float64]:
    """A place on the unit sphere; shape (3,)."""
    phi, lam = math.radians(lat), math.radians(lon)
    return np.array([math.cos(phi) * math.cos(lam), math.cos(phi) * math.sin(lam), math.sin(phi)])


def map_layout() -> dict[str, Any]:
    """Longitude by latitude, one scale for both; the page makes it as high as it is wide."""
    east, north = range(-180, 181, GRATICULE), range(-30, 61, GRATICULE // 2)
    found = layout(HEIGHT, hovermode="closest", meta={"height_by_width": (NORTH - SOUTH) / 360})
    found["margin"]["r"] = found["margin"]["l"]
    found["xaxis"] = axis("", range=[-HALF, HALF], **ticks(east, "W", "E"))
    found["yaxis"] = axis("", range=[SOUTH, NORTH], **ticks(north, "S", "N"))
    return found


def ticks(degrees: range, below: str, above: str) -> dict[str, Any]:
    """`60° W`, `0°`, `60° E`, and a line of the graticule at each."""
    texts = [f"{abs(at)}°" + (f" {below if at < 0 else above}" if at % HALF else "") for at in degrees]
    return {"tickmode": "array", "tickvals": list(degrees), "ticktext": texts, "tickangle": 0}


def answer(ways: dict[str, list[Way]], drawn: dict[str, list[Way]]) -> str:
    """What is drawn, and of how many."""
    said = [
        f"{grouped(len(of))} logins {SENTENCES[kind]}"
        + (f", of which {grouped(len(drawn[kind]))} are drawn" if len(drawn[kind]) < len(of) else "")
        for kind, of in reversed(ways.items())
    ]
    dots = "Lines lead from the login before to the dot where the odd one came from."
    return f"{'; '.join(said)}. {dots} What is both is drawn as impossible travel."
