"""Two sides of a pair, one after the other, again and again: what a noisy machine does to one it does to both."""

from __future__ import annotations

import dataclasses
import os
import resource
import statistics
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

ROOT = Path(__file__).parents[2]


@dataclasses.dataclass(frozen=True, slots=True)
class Row:
    """One question: ours against a peer's, the same number of rounds each, alternating.

    Attributes:
        question: what was measured.
        unit: of the numbers.
        ours, theirs: one number a round.
        peer: who they are.
        aim: what the ratio of medians should be ("≥ 0.85"); empty where a number only informs.
    """

    question: str
    unit: str
    ours: list[float]
    theirs: list[float]
    peer: str
    aim: str = ""

    @property
    def ratio(self) -> float | None:
        """Ours to theirs, of medians."""
        return statistics.median(self.ours) / statistics.median(self.theirs) if self.theirs else None

    def as_dict(self) -> dict[str, Any]:
        """The row with its ratio, for JSON."""
        return {**dataclasses.asdict(self), "ratio": self.ratio}


def alternate(rounds: int, *sides: Callable[[], Any]) -> list[list[Any]]:
    """What each side gave, round by round: A B A B …; the first, cold round of all is thrown away."""
    found: list[list[Any]] = [[] for _ in sides]
    for number in range(rounds + 1):
        for side, results in zip(sides, found, strict=True):
            result = side()
            if number:
                results.append(result)
    return found


def render(rows: Sequence[Row]) -> str:
    """A Markdown table: medians, the spread of each side as (min–max), and the ratio."""
    lines = ["| question | ours | peer | ratio | aim |", "|---|---|---|---|---|"]
    for row in rows:
        ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
        theirs = f"{row.peer}: {spread(row.theirs)}" if row.theirs else ""
        lines.append(f"| {row.question}, {row.unit} | {spread(row.ours)} | {theirs} | {ratio} | {row.aim} |")
    return "\n".join(lines)


def spread(values: Sequence[float]) -> str:
    """Median (min–max), three significant digits."""
    middle, least, most = (figure(v) for v in (statistics.median(values), min(values), max(values)))
    return f"{middle} ({least}–{most})" if len(values) > 1 else middle


def figure(value: float) -> str:
    """Three significant digits, whole above a thousand."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


@dataclasses.dataclass(frozen=True, slots=True)
class Timed:
    """A process that has ended: what it printed, how long it took, how much CPU it and its children used."""

    output: str
    wall_s: float
    cpu_s: float


def timed(
    command: Sequence[str | Path], env: Mapping[str, str], cwd: Path = ROOT, accepted: Sequence[int] = (0,)
) -> Timed:
    """Run a process to its end; raises RuntimeError with its output unless it ends with an accepted code."""
    before, started = cpu_of_children_s(), time.perf_counter()
    whole = {**os.environ, "PYTHONPATH": str(ROOT), **env}
    done = subprocess.run(command, env=whole, cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode not in accepted:
        said = (done.stderr + done.stdout)[-4000:]
        raise RuntimeError(f"{' '.join(map(str, command))} ended with {done.returncode}:\n{said}")
    return Timed(done.stdout, time.perf_counter() - started, cpu_of_children_s() - before)


def cpu_of_children_s() -> float:
    """CPU seconds of all children that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
