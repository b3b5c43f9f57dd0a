"""A map of the world: where the logins came from, and the journeys that the rule calls anomalies."""

from __future__ import annotations

import collections
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from lakestorm.model.labels import COUNTRY, TRAVEL
from lakestorm.record.figures import digits, grouped
from lakestorm.record.login_labels import Way
from lakestorm.report.pictures import Picture, axis, layout, numbers
from lakestorm.report.sections.anomalies import COLOURS, SENTENCES, word_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    import numpy.typing as npt

    from lakestorm.model.labels import Label
    from lakestorm.record.folder import Results
    from lakestorm.record.login_places import CityLogins
    from lakestorm.report.land import Outline

ARCS_MAX = 80
"""Of one kind: more hide each other."""
FIRST = 3
"""Countries that the answer names."""
ARC_POINTS = 24
SOUTH, NORTH = -57.0, 75.0
"""Degrees of latitude between which people live in cities."""
HEIGHT, WIDTH = 430, 1072
"""Pixels of the figure on a wide page; on others the page makes it smaller."""
DOT = "--logins"
DOT_MAX_PX = 26
"""Diameter of the city with most logins, on a wide page."""
GRATICULE = 60
HALF = 180.0
"""Degrees from the middle of the map to its edges."""


def login_map(results: Results, outline: Callable[[], Outline]) -> Picture | None:
    """None where nobody counted cities, and no label knows its journey's ends; `outline` is asked only for a map.

    Args:
        results: of the run.
        outline: gives the land's.
    """
    cities = results.logins.places if results.logins else []
    ways = ways_of(results.logins.labels) if results.logins else {}
    if not (ways or cities):
        return None
    drawn = {kind: some_of(of) for kind, of in ways.items()}
    traces = [land(outline())] + ([dots(cities)] if cities else [])
    for kind, of in drawn.items():
        traces += [arcs(of, COLOURS[kind]), goals(of, COLOURS[kind])]
    dot = [(DOT, "logins of a city, by area")] if cities else []
    return Picture(
        name="login-map",
        question="Where did the logins come from?",
        answer=" ".join([*origins(cities), *journeys(ways, drawn)]),
        shows="A map of the world: a dot for each city, as large as its logins are many; lines lead from the login"
        " before to the one that is an anomaly.",
        figure={"data": traces, "layout": map_layout()},
        key=[*dot, *((COLOURS[kind], word_of(kind)) for kind in drawn)],
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


def land(outline: Outline) -> dict[str, Any]:
    """Continents and islands as a surface; inland seas are holes in it, since their rings run the other way."""
    lon, lat = outline
    line = {"color": "--rule", "width": 0.7}
    return {
        "type": "scatter", "mode": "lines", "fill": "toself", "fillcolor": "--grid", "line": line, "hoverinfo": "skip",
        "x": lon, "y": lat,
    }  # fmt: skip


def dots(cities: list[CityLogins]) -> dict[str, Any]:
    """Cities, small ones on top; a dot's area is its logins'."""
    marker = {
        "color": f"{DOT}/0.6", "size": [of.logins for of in cities], "sizemode": "area", "sizemin": 1,
        "sizeref": 2 * max(of.logins for of in cities) / DOT_MAX_PX**2, "line": {"width": 0},
    }  # fmt: skip
    return {
        "type": "scatter", "mode": "markers", "marker": marker,
        "x": numbers(of.lon for of in cities), "y": numbers(of.lat for of in cities),
        "text": [f"{of.city}, {of.country}: {grouped(of.logins)}" for of in cities],
        "hovertemplate": "%{text} logins<extra></extra>",
    }  # fmt: skip


def arcs(ways: list[Way], colour: str) -> dict[str, Any]:
    """All great circles of one kind as one line with gaps."""
    x: list[float | None] = []
    y: list[float | None] = []
    for way in ways:
        lon, lat = great_circle(way)
        x += [*lon, None]
        y += [*lat, None]
    line = {"color": f"{colour}/0.5", "width": 1}
    return {"type": "scatter", "mode": "lines", "hoverinfo": "skip", "x": x, "y": y, "line": line, "connectgaps": False}


def goals(ways: list[Way], colour: str) -> dict[str, Any]:
    """Where the odd logins came from."""
    return {
        "type": "scatter", "mode": "markers", "marker": {"color": colour, "size": 4.5},
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
    found = layout(HEIGHT, hovermode="closest", meta={"height_by_width": (NORTH - SOUTH) / 360, "width": WIDTH})
    found["margin"]["r"] = found["margin"]["l"]
    found["xaxis"] = axis("", range=[-HALF, HALF], **ticks(east, "W", "E"))
    found["yaxis"] = axis("", range=[SOUTH, NORTH], **ticks(north, "S", "N"))
    return found


def ticks(degrees: range, below: str, above: str) -> dict[str, Any]:
    """`60° W`, `0°`, `60° E`, and a line of the graticule at each."""
    texts = [f"{abs(at)}°" + (f" {below if at < 0 else above}" if at % HALF else "") for at in degrees]
    return {"tickmode": "array", "tickvals": list(degrees), "ticktext": texts, "tickangle": 0}


def origins(cities: list[CityLogins]) -> list[str]:
    """How many logins, from where; nothing where nobody counted."""
    if not cities:
        return []
    logins = sum(of.logins for of in cities)
    countries: collections.Counter[str] = collections.Counter()
    for of in cities:
        countries[of.country] += of.logins
    first = ", ".join(f"{country} {digits(100 * count / logins)} %" for country, count in countries.most_common(FIRST))
    where = f"{grouped(len(cities))} cities of {grouped(len(countries))} countries"
    return [f"{grouped(logins)} logins from {where}; most from {first}."]


def journeys(ways: dict[str, list[Way]], drawn: dict[str, list[Way]]) -> list[str]:
    """Which anomalies are drawn, and of how many; nothing where there are none."""
    if not ways:
        return []
    said = [
        f"{grouped(len(of))} logins {SENTENCES[kind]}"
        + (f", of which {grouped(len(drawn[kind]))} are drawn" if len(drawn[kind]) < len(of) else "")
        for kind, of in reversed(ways.items())
    ]
    lines = "Lines lead from the login before to the dot where the odd one came from."
    return [f"{'; '.join(said)}. {lines} What is both is drawn as impossible travel."]
