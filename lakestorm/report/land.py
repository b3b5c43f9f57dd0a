"""The outline of all land, from a file of ours: no picture of a map needs the network.

Made of Natural Earth's 1:110m map (public domain) by `scripts/land.py`.
"""

from __future__ import annotations

import importlib.resources
import json

Outline = tuple[list[float | None], list[float | None]]
"""Longitudes and latitudes of closed rings, a None behind each ring."""


def land_outline() -> Outline:
    """Rings of continents, islands and inland seas, to a tenth of a degree."""
    path = importlib.resources.files("lakestorm.report").joinpath("templates", "land.json")
    lon: list[float | None] = []
    lat: list[float | None] = []
    for ring in json.loads(path.read_text(encoding="utf-8")):
        lon += [*(x / 10 for x in ring[::2]), None]
        lat += [*(y / 10 for y in ring[1::2]), None]
    return lon, lat
