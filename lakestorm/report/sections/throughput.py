"""Offered against answered, second by second, with the shape behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lakestorm.record.figures import digits, duration, grouped
from lakestorm.record.manifest import COUNTS
from lakestorm.report.pictures import Picture, axis, closed, end_labels, numbers, step_line, time_layout

if TYPE_CHECKING:
    import numpy.typing as npt

    from lakestorm.record.folder import Results
    from lakestorm.record.manifest import ShapeSummary
    from lakestorm.report.timescale import TimeScale

    Integers = npt.NDArray[np.int64]

HEIGHT = 260
KEPT_UP = 0.95
"""A run kept up if it answered at least so much of what was offered; the default rule's own share."""
LAYERS = {
    "completed": ("--completed", ("completed",)),
    "refused": ("--refused", ("refused",)),
    "failed, skipped or cancelled": ("--failed", ("failed", "skipped", "cancelled")),
}
"""What is stacked: label, colour, counts."""


def throughput(results: Results, scale: TimeScale) -> Picture | None:
    """Did it keep up? None where nothing was offered."""
    counts = totals(results)
    if not counts or not counts["offered"].sum():
        return None
    layers = {label: scale.rates(sum_of(counts, names)) for label, (_, names) in LAYERS.items()}
    shown = {label: rates for label, rates in layers.items() if rates.any()}
    offered = scale.rates(counts["offered"])
    top = max(float(offered.max()), float(sum(layers.values(), np.zeros(1)).max())) * 1.15
    layout = time_layout(scale, HEIGHT) | axes(top, results.run.shape)
    if results.run.shape is None:
        layout["annotations"] += end_labels([(float(offered[-1]), "offered")], HEIGHT, 0, top)
    return Picture(
        name="throughput",
        question="Did it keep up with what was offered?",
        answer=f"{kept_up(counts)} {scale.note}".strip(),
        shows="Requests per second over time: offered as a line; completed, refused and unfinished stacked below it.",
        figure={"data": traces(scale, offered, shown, results.run.shape), "layout": layout},
        key=[("--offered", "offered"), *((LAYERS[label][0], label) for label in shown), *users_key(results.run.shape)],
        keyed=True,
    )


def totals(results: Results) -> dict[str, Integers]:
    """Counts by second, summed over the names that offer anything; empty without a second."""
    offering = [of for of in results.timeline.values() if of.counts["offered"].any()]
    return {name: np.sum([of.counts[name] for of in offering], axis=0) for name in COUNTS} if offering else {}


def sum_of(counts: dict[str, Integers], names: tuple[str, ...]) -> Integers:
    """Several counts together."""
    return np.array([counts[name] for name in names]).sum(axis=0)  # type: ignore[no-any-return] # numpy's own


def traces(scale: TimeScale, offered: Any, layers: dict[str, Any], shape: ShapeSummary | None) -> list[dict[str, Any]]:
    """The shape's users at the back, the stack, the offered line on top."""
    x = scale.edges
    found = [users_trace(shape)] if shape else []
    over = {"yaxis": "y2"} if shape else {}
    for label, rates in layers.items():
        colour = LAYERS[label][0]
        y = closed(numbers(rates))
        more = {"stackgroup": "answers", "fillcolor": f"{colour}/0.75", "width": 0, **over}
        found.append(step_line(x, y, colour, label, "per s", **more))
    return [*found, step_line(x, closed(numbers(offered)), "--offered", "offered", "per s", width=1.5, **over)]


def users_key(shape: ShapeSummary | None) -> list[tuple[str, str]]:
    """What stands for the shape in the key."""
    return [("--users/0.25", f"users, as {shape.name} wants them")] if shape else []


def users_trace(shape: ShapeSummary) -> dict[str, Any]:
    """How many users the shape wants, as an area on an axis of its own."""
    x = [at for at, _ in shape.users] + [shape.run_time_s]
    y = closed([count for _, count in shape.users])
    more = {"fill": "tozeroy", "fillcolor": "--users/0.2", "width": 1, "dash": "dot"}
    return step_line(x, y, "--users", "users", "", **more)


def axes(top: float, shape: ShapeSummary | None) -> dict[str, Any]:
    """Requests on the left; users on the right and behind, where there is a shape."""
    requests = axis("requests per s", range=[0, top])
    if shape is None:
        return {"yaxis": requests}
    extent = [0, max(shape.peak_users, 1) * 1.08]
    users = axis("users", range=extent, side="right", showgrid=False, nticks=5)
    return {"yaxis": users, "yaxis2": requests | {"overlaying": "y", "side": "left", "tickmode": "auto"}}


def kept_up(counts: dict[str, Integers]) -> str:
    """The answer: shares, the worst backlog, the busiest second."""
    offered, completed, refused = (int(counts[name].sum()) for name in ("offered", "completed", "refused"))
    share = (completed + refused) / offered
    behind, at = backlog(counts)
    busiest = int(counts["offered"].argmax())
    done = (
        f"{grouped(completed)} were completed and {grouped(refused)} refused"
        if refused
        else f"{grouped(completed)} were completed"
    )
    return (
        f"{'Yes' if share >= KEPT_UP else 'No'}: of {grouped(offered)} offered requests {done}"
        f" ({digits(share * 100, 4)} % answered). Most in one second: {grouped(int(counts['offered'][busiest]))},"
        f" {after(busiest)}. Most that were waiting or under way: {grouped(behind)}, {after(at + 1)}."
    )


def backlog(counts: dict[str, Integers]) -> tuple[int, int]:
    """Most requests that were offered and had no outcome yet at the end of a second, and which second."""
    ended = sum_of(counts, ("completed", "refused", "failed", "skipped", "cancelled"))
    waiting = np.cumsum(counts["offered"]) - np.cumsum(ended)
    return max(0, int(waiting.max())), int(waiting.argmax())


def after(second: int) -> str:
    """A moment in words."""
    return f"{duration(second)} after the start" if second else "at the start"
