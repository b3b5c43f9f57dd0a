#!/usr/bin/env python3
"""Writes the outline of all land that the report's map has, from Natural Earth's 1:110m map, which is public domain.

    npm pack world-atlas@2.0.2 && tar xzf world-atlas-2.0.2.tgz
    .venv/bin/python scripts/land.py package/land-110m.json > lakestorm/report/templates/land.json

The npm package world-atlas carries Natural Earth 4.1.0 as TopoJSON: arcs of whole numbers, each the difference to the
one before. What comes out is a list of closed rings, each a list of longitude, latitude, longitude, latitude …, in
tenths of a degree. Antarctica, where nobody logs in, is left out, and so is what is smaller than it can be seen.
"""

from __future__ import annotations

import itertools
import json
import sys
from pathlib import Path
from typing import Any

SOUTH = -560
"""Tenths of a degree of latitude: what lies wholly below is Antarctica."""
TURN = 3600
"""Tenths of a degree: once round."""
SMALLEST = 6
"""Tenths of a degree: an island that is neither so wide nor so high."""

Point = tuple[int, int]


def decoded(topology: dict[str, Any]) -> list[list[Point]]:
    """Every arc's points in tenths of a degree."""
    (x_scale, y_scale), (x_first, y_first) = topology["transform"]["scale"], topology["transform"]["translate"]
    arcs = []
    for arc in topology["arcs"]:
        xs = itertools.accumulate(dx for dx, _ in arc)
        ys = itertools.accumulate(dy for _, dy in arc)
        arcs.append([(round(10 * (x * x_scale + x_first)), round(10 * (y * y_scale + y_first)))
                     for x, y in zip(xs, ys, strict=True)])  # fmt: skip
    return arcs


def ring_of(numbers: list[int], arcs: list[list[Point]]) -> list[Point]:
    """Arcs put together; a negative number is an arc from its end to its beginning. No point comes twice running."""
    points = [point for n in numbers for point in (arcs[n] if n >= 0 else arcs[~n][::-1])]
    return [point for point, _ in itertools.groupby(points)]


def cut(ring: list[Point]) -> list[list[Point]]:
    """The ring's parts between 180° west and east: on the globe it may go over that line."""
    steps = itertools.pairwise(x for x, _ in ring)
    turns = itertools.accumulate((-round((b - a) / TURN) for a, b in steps), initial=0)
    flat = [(x + turn * TURN, y) for (x, y), turn in zip(ring, turns, strict=True)]
    parts = (
        clipped(clipped([(x + shift, y) for x, y in flat], 1), -1)
        for shift in (-TURN, 0, TURN)
    )  # fmt: skip
    return [part for part in parts if part]


def clipped(ring: list[Point], side: int) -> list[Point]:
    """What of a ring lies on this side of the edge: not beyond 180° east (1) or west (-1); Sutherland and Hodgman."""
    kept: list[Point] = []
    for (x0, y0), (x1, y1) in itertools.pairwise(ring):
        inside0, inside1 = side * x0 <= TURN // 2, side * x1 <= TURN // 2
        if inside0 != inside1:
            edge = side * TURN // 2
            kept.append((edge, round(y0 + (y1 - y0) * (edge - x0) / (x1 - x0))))
        if inside1:
            kept.append((x1, y1))
    return [*kept, kept[0]] if kept else []


def is_seen(ring: list[Point]) -> bool:
    """Whether a ring is on the map, and large enough."""
    xs, ys = [x for x, _ in ring], [y for _, y in ring]
    is_large = max(xs) - min(xs) >= SMALLEST or max(ys) - min(ys) >= SMALLEST
    return max(ys) > SOUTH and is_large


def main() -> None:
    """A TopoJSON file to rings on standard output."""
    topology = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    arcs = decoded(topology)
    shapes = topology["objects"]["land"]["geometries"]
    rings = [
        part for shape in shapes for polygon in shape["arcs"] for ring in polygon for part in cut(ring_of(ring, arcs))
    ]
    lines = [json.dumps([x for point in ring for x in point], separators=(",", ":")) for ring in rings if is_seen(ring)]
    print("[\n" + ",\n".join(lines) + "\n]")


if __name__ == "__main__":
    main()
