"""Pictures of load shapes: for an 80-column terminal, for scripts, and as one page."""

from __future__ import annotations

import dataclasses
import json
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jinja2

from lakestorm.record.figures import duration, grouped

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lakestorm.model.plan import Plan

WIDTH = 80
MARGIN = 8
"""Columns left of the picture, for numbers of users: as many as 999 999 need, and more are made where that is more."""
EIGHTHS = " ▁▂▃▄▅▆▇█"
MOMENTS = 200
"""Samples in JSON and on the page."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ShapePicture:
    """One shape, to be shown.

    Args:
        name: of its file, as `-f loadshapes/NAME.py` has it.
        about: one sentence.
        plan: its users over time.
    """

    name: str
    about: str
    plan: Plan

    @property
    def facts(self) -> str:
        """Peak, duration and doors in words."""
        plan = self.plan
        doors = "" if plan.doors_open_s is None else f", doors open at {duration(plan.doors_open_s)}"
        return f"up to {grouped(plan.peak_users)} users, {duration(plan.run_time_s)}{doors}"

    def samples(self, count: int = MOMENTS) -> list[tuple[float, int]]:
        """(seconds since the start, users) at so many moments, from the start to just before the end."""
        moments = [self.plan.run_time_s * i / count for i in range(count)]
        return [(round(at, 3), self.plan.users_at(at)) for at in moments]


def terminal_text(pictures: Sequence[ShapePicture], rows: int) -> str:
    """All shapes below one another, each so many rows high, at most 80 columns wide."""
    heads = ([f"{p.name}: {p.facts}", *textwrap.wrap(p.about, WIDTH)] for p in pictures)
    blocks = ([*head, *drawing(p.plan, rows)] for head, p in zip(heads, pictures, strict=True))
    return "\n\n".join("\n".join(block) for block in blocks)


def drawing(plan: Plan, rows: int) -> list[str]:
    """Lines of a picture: users upwards, time to the right, doors as a mark on the time axis."""
    margin = max(MARGIN, len(grouped(plan.peak_users)))
    columns = WIDTH - margin - 2
    filled = [eighths_at(plan, (i + 0.5) / columns, rows) for i in range(columns)]
    lines = []
    for row in reversed(range(rows)):
        label = grouped(plan.peak_users) if row == rows - 1 else ""
        cells = "".join(EIGHTHS[min(8, max(0, height - 8 * row))] for height in filled)
        lines.append(f"{label:>{margin}} ┤{cells}".rstrip())
    return [*lines, *time_axis(plan, columns, margin)]


def eighths_at(plan: Plan, x: float, rows: int) -> int:
    """Height of a column in eighths of a row; somebody is never drawn as nobody."""
    users = plan.users_at(x * plan.run_time_s)
    return max(round(rows * 8 * users / plan.peak_users), 1 if users else 0)


def time_axis(plan: Plan, columns: int, margin: int) -> list[str]:
    """The axis and the words below it: 0 s, the doors, the end."""
    axis = ["─"] * columns
    words = [" "] * columns
    end = duration(plan.run_time_s)
    words[columns - len(end) :] = end
    if plan.doors_open is not None:
        at = min(columns - 1, int(plan.doors_open * columns))
        axis[at] = "┴"
        label = f"↑ doors open, {duration(plan.doors_open_s or 0.0)}"
        start = min(at, columns - len(end) - 2 - len(label))
        words[start : start + len(label)] = label
    words[0:3] = "0 s" if words[0:3] == [" "] * 3 else words[0:3]
    return [f"{'0':>{margin}} ┼{''.join(axis)}", f"{'':>{margin}}  {''.join(words)}".rstrip()]


def json_text(pictures: Sequence[ShapePicture]) -> str:
    """All shapes as a JSON list; times in seconds, `users` as [second, users] pairs."""
    return json.dumps([as_dict(picture) for picture in pictures], indent=1, ensure_ascii=False)


def as_dict(picture: ShapePicture) -> dict[str, Any]:
    """One shape for JSON."""
    plan = picture.plan
    return {
        "name": picture.name,
        "class": plan.name,
        "about": picture.about,
        "peak_users": plan.peak_users,
        "run_time_s": plan.run_time_s,
        "shortest_run_s": plan.shortest_run_s,
        "doors_open_s": plan.doors_open_s,
        "users": picture.samples(),
    }


def html_text(pictures: Sequence[ShapePicture]) -> str:
    """All shapes on one page that needs nothing else."""
    loader = jinja2.FileSystemLoader(Path(__file__).parent)
    templates = jinja2.Environment(loader=loader, autoescape=True, undefined=jinja2.StrictUndefined)
    templates.filters.update(grouped=grouped, duration=duration)
    return templates.get_template("shapes.html.j2").render(pictures=[(p, svg_points(p)) for p in pictures])


def svg_points(picture: ShapePicture) -> str:
    """The line of users in a box of 1000 × 100, y downwards, as SVG's `points`."""
    samples = [*picture.samples(), (picture.plan.run_time_s, picture.plan.users_at(picture.plan.run_time_s))]
    peak, run_time_s = picture.plan.peak_users, picture.plan.run_time_s
    return " ".join(f"{1000 * at / run_time_s:.1f},{100 - 100 * users / peak:.2f}" for at, users in samples)
