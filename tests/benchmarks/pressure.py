"""Pressure as asked: sys-load against stress-ng for the same targets, both measured from outside by /proc."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from typing import TYPE_CHECKING

from lakestorm.settings import child_environment
from tests.benchmarks.harness import ROOT, Row, alternate
from tests.process_tree import Tree

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

SERVICES = ()
PERCENTS = (10, 50, 90)
MEGABYTES, BASE_MEGABYTES = 300, 4
BEGIN_S, MEASURE_S = 4.0, 5.0
"""How long a side may take to begin, and over how long it is measured."""
SETTLES_WITHIN_S, STILL = 60.0, 6
"""How long memory may take to come, and how many looks, half a second apart, have to see it unchanged."""
ABSENT = "stress-ng is not installed (Debian: apt install stress-ng): ours stands alone"


def run(_env: Mapping[str, str], rounds: int) -> list[Row]:
    """CPU at three targets, memory at one, and what it costs when nothing is asked."""
    peer = shutil.which("stress-ng") or ""
    if not peer:
        print(ABSENT, file=sys.stderr)
    rows = [cpu_row(peer, percent, rounds) for percent in PERCENTS]
    return [*rows, memory_row(peer, rounds), *cost_rows(rounds)]


def cpu_row(peer: str, percent: int, rounds: int) -> Row:
    """How far from the target each is, in points of all cores."""
    ours: Callable[[], float] = lambda: off(percent, {"SYSLOAD_CPU_PERCENT": str(percent)})  # noqa: E731
    theirs = [peer, "--cpu", "0", "--cpu-load", str(percent)]
    sides = [ours, *([lambda: abs(measured_percent(theirs, {}) - percent)] if peer else [])]
    return row(f"CPU off a target of {percent} %", "points", alternate(rounds, *sides), "≤ 2 on an idle machine")


def off(percent: int, settings: Mapping[str, str]) -> float:
    """Points between the target and what ours takes."""
    return abs(measured_percent(sysload(), settings) - percent)


def memory_row(peer: str, rounds: int) -> Row:
    """How far from the target each is: what it has resident more than when a little is asked."""
    sides = [lambda: abs(grown_mb(held_by_ours) - MEGABYTES)]
    if peer:
        sides.append(lambda: abs(grown_mb(lambda size: held_by_peer(peer, size)) - MEGABYTES))
    return row(f"memory off a target of {MEGABYTES} MB", "MB", alternate(min(rounds, 2), *sides), "≤ 5")


def grown_mb(held: Callable[[int], float]) -> float:
    """What is resident at the target, less what is at next to nothing, that itself left out."""
    return held(MEGABYTES) - held(BASE_MEGABYTES) + BASE_MEGABYTES


def held_by_ours(size_mb: int) -> float:
    """Resident megabytes of the whole tree."""
    with running(sysload(), {"SYSLOAD_MEMORY_MB": str(size_mb), "SYSLOAD_MEMORY_RAMP_S": "1"}) as tree:
        return settled_mb(tree)


def held_by_peer(peer: str, size_mb: int) -> float:
    """Resident megabytes of the whole tree."""
    with running([peer, "--vm", "1", "--vm-bytes", f"{size_mb * 1_000_000}", "--vm-keep"], {}) as tree:
        return settled_mb(tree)


def settled_mb(tree: Tree) -> float:
    """What it has resident once that grows no more: on a busy machine both take their time."""
    until_s, sizes = time.monotonic() + SETTLES_WITHIN_S, [tree.resident_mb()]
    while time.monotonic() < until_s and not (len(sizes) > STILL and max(sizes[-STILL:]) - min(sizes[-STILL:]) < 1):
        time.sleep(0.5)
        sizes.append(tree.resident_mb())
    return sizes[-1]


def cost_rows(rounds: int) -> list[Row]:
    """What it takes itself, in percent of one core: when nothing is asked, and to control 40 %."""
    (rest,) = alternate(rounds, lambda: cores_of_parent({}) * 100)
    (control,) = alternate(rounds, lambda: cores_of_parent({"SYSLOAD_CPU_PERCENT": "40"}) * 100)
    return [
        Row("sys-load at rest", "% of one core", rest, [], "", "≤ 1"),
        Row("its controlling process at 40 %", "% of one core", control, [], "", "≤ 1"),
    ]


def cores_of_parent(settings: Mapping[str, str]) -> float:
    """CPU time a second of the process that controls."""
    with running(sysload(), settings) as tree:
        before = tree.top.cpu_times()
        time.sleep(2 * MEASURE_S)
        after = tree.top.cpu_times()
    return (after.user + after.system - before.user - before.system) / (2 * MEASURE_S)


def measured_percent(command: Sequence[str], settings: Mapping[str, str]) -> float:
    """CPU of the whole tree, in percent of all cores."""
    with running(command, settings) as tree:
        return 100 * tree.cores(MEASURE_S) / len(os.sched_getaffinity(0))


def sysload() -> list[str]:
    """Ours."""
    return [sys.executable, "-m", "sysload"]


@contextlib.contextmanager
def running(command: Sequence[str], settings: Mapping[str, str]) -> Iterator[Tree]:
    """A load that has begun; ended afterwards."""
    env = child_environment({"PYTHONPATH": str(ROOT), "SYSLOAD_PORT": "0", "MINIO_URL": "", **settings})
    with (
        tempfile.TemporaryDirectory() as folder,
        subprocess.Popen(command, env=env, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process,
    ):
        time.sleep(BEGIN_S)
        try:
            yield Tree(process.pid)
        finally:
            process.terminate()


def row(question: str, unit: str, sides: list[list[float]], aim: str) -> Row:
    """A row with or without a peer."""
    theirs = sides[1] if len(sides) > 1 else []
    return Row(question, unit, sides[0], theirs, "stress-ng" if theirs else "", aim)
