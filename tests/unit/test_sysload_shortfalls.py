"""What is said of targets that were not reached."""

from __future__ import annotations

import math
from typing import Any

import pytest

from sysload.second import Achieved, Container, Host, Targets
from sysload.shortfalls import Shortfalls

HOST = Host(97.0, 0.0, 3.0, 1000.0, 1000.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1000.0)
STOLEN = Host(97.0, 20.0, 3.0, 1000.0, 1000.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1000.0)
FREE, HELD_BACK = Container(2.0, 50.0, 0.0, 1.0, None), Container(0.5, 100.0, 310.0, 1.0, None)
NO_REASONS = {"memory": "", "disk": ""}


def told(
    rows: list[tuple[Targets, Achieved]], ramp: float = math.inf, burst_s: float | None = None, **given: Any
) -> tuple[str, ...]:
    """What is said after those seconds."""
    shortfalls = Shortfalls(burst_s)
    found: tuple[str, ...] = ()
    around = given.get("host", HOST), given.get("container", FREE)
    for targets, achieved in rows:
        found = shortfalls.next(targets, achieved, around, given.get("reasons", NO_REASONS), ramp)
    return found


def second(cpu: float = 40, memory: float = 300, disk: float = 20) -> tuple[Targets, Achieved]:
    """A second of 40 %, 300 MB, 20 MB/s, and what was reached of it."""
    return Targets(40, 300, 20), Achieved(cpu, memory, 0, disk / 2, disk / 2)


@pytest.mark.parametrize(
    ("rows", "given", "words"),
    [
        ([second()] * 10, {}, ""),
        ([second(cpu=38.1)] * 10, {}, ""),
        ([second(cpu=41.9)] * 10, {}, ""),
        ([second(cpu=0)] * 2, {}, ""),  # too little seen
        ([second(cpu=0), *[second()] * 20], {}, ""),  # long over
        ([second(cpu=37.9)] * 10, {}, "CPU: 37.9 of 40.0 % reached over 10 s: the machine is 97 % busy."),
        ([second(cpu=30)] * 3, {"host": STOLEN}, "CPU: 30.0 of 40.0 % reached over 3 s: other guests of the host took"),
        ([second(cpu=30)] * 3, {"container": HELD_BACK}, "CPU: 30.0 of 40.0 % reached over 3 s: the quota"),
        ([second(cpu=43)] * 10, {}, "CPU: 43.0 of 40.0 % used over 10 s: memory, disk, export and watching alone"),
        ([second(memory=295)] * 10, {}, ""),
        ([second(memory=290)] * 10, {}, "Memory: 290 of 300 MB held: the rest"),
        (
            [second(memory=100)],
            {"reasons": {"memory": "others wait for memory 40 % of the time", "disk": ""}},
            "Memory: 100 of 300 MB held: others wait for memory 40 % of the time.",
        ),
        ([second(memory=280)] * 10, {"ramp": 30}, ""),  # a second's ramp may be missing
        ([second(disk=18)] * 10, {}, ""),
        ([second(disk=17)] * 10, {}, "Disk: 17.0 of 20.0 MB/s reached over 10 s: the disk takes no more."),
        (
            [second(disk=0)] * 3,
            {"reasons": {"memory": "", "disk": "the disk is full"}},
            "Disk: 0.0 of 20.0 MB/s reached over 3 s: the disk is full.",
        ),
    ],
)
def test_what_is_said(rows: list[tuple[Targets, Achieved]], given: dict[str, Any], words: str) -> None:
    """One sentence for what was missed, with its reason; none for what was reached."""
    found = told(rows, given.pop("ramp", math.inf), **given)
    assert len(found) == bool(words)
    assert "".join(found).startswith(words)


def test_bursts_are_averaged_whole() -> None:
    """In the rest after a burst nothing falls short; over whole bursts it is seen."""
    burst, rest, weak = second(cpu=100), second(cpu=0), second(cpu=60)
    assert told([*[burst] * 8, *[rest] * 12, *[burst] * 8, *[rest] * 5], burst_s=20.0) == ()
    assert told([*[weak] * 8, *[rest] * 12], burst_s=20.0)[0].startswith("CPU: 24.0 of 40.0 % reached over 20 s")
