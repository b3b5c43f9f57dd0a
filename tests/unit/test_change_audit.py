"""How long the audit of changes waits, from where it reads, and what it says when it gives up."""

from __future__ import annotations

import dataclasses
import json
import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from lakestorm.model.orders import CLOSING_PROCESS
from lakestorm.record.changes import CREATED, Change
from lakestorm.report.change_audit import FIRST_S, GRACE_S, LAST_LINE_S, LOOK_EVERY_S, Wait, from_where, patience_s
from lakestorm.verdict.across import Held
from lakestorm.verdict.change_ledger import ChangesSeen

if TYPE_CHECKING:
    from pathlib import Path

LIMIT_S = 20.0


@pytest.mark.parametrize(
    ("starts", "marks", "wanted"),
    [
        ({}, {}, {}),
        ({0: 5, 1: 0}, {0: (0, 9), 1: (0, 0)}, {0: 5, 1: 0}),
        # partitions that came later, records that were deleted meanwhile, a topic that was not there before
        ({0: 5}, {0: (0, 9), 1: (0, 3)}, {0: 5, 1: 0}),
        ({0: 5}, {0: (7, 9)}, {0: 7}),
        ({}, {0: (0, 9)}, {0: 0}),
        # made anew since the run began: its end is before our start, or a partition is gone
        ({0: 5}, {0: (0, 3)}, {0: 0}),
        ({0: 5, 1: 5}, {0: (0, 9)}, {0: 0}),
    ],
)
def test_from_where(starts: dict[int, int], marks: dict[int, tuple[int, int]], wanted: dict[int, int]) -> None:
    """Only what came since the run's start is read, and all of it."""
    assert from_where(starts, marks) == wanted


@pytest.mark.parametrize(
    ("settle_s", "ended_s_ago", "wanted"),
    [
        # right after the load; after a drain, a canary's time-out too; just enough for the last line
        (120.0, 0.0, 120.0),
        (120.0, 45.0, 75.0),
        (120.0, 115.0, LAST_LINE_S),
        # days later; a setting shorter than the last line's time is kept; a clock that was set back gives nothing more
        (120.0, 1e6, LAST_LINE_S),
        (3.0, 60.0, 3.0),
        (0.0, 0.0, 0.0),
        (120.0, -50.0, 120.0),
        # killed before its end, or before it wrote anything
        (120.0, None, 120.0),
        (120.0, math.nan, 120.0),
    ],
)
def test_patience(settle_s: float, ended_s_ago: float | None, wanted: float, tmp_path: Path) -> None:
    """CDC_SETTLE_S counts from the load's end, however long the run waited since; the last line has its own time."""
    now = 1.8e9
    if ended_s_ago is None:
        (tmp_path / "run.json").write_text('{"ended_at": null}')
    elif not math.isnan(ended_s_ago):
        (tmp_path / "run.json").write_text(json.dumps({"ended_at": now - ended_s_ago}))
    assert patience_s(tmp_path, settle_s, now) == pytest.approx(wanted)


@dataclasses.dataclass
class Topic:
    """What a reader of the topic has."""

    seen: ChangesSeen
    next: dict[int, int] = dataclasses.field(default_factory=dict)


class Story:
    """A wait for two lines and the closing one, by a clock that is put forward."""

    def __init__(self) -> None:
        one = Held(np.ones(1, dtype=bool), np.zeros(1, dtype=bool))
        self.two = two = Held(np.ones(2, dtype=bool), np.zeros(2, dtype=bool))
        self.now = 100.0
        self.told: list[tuple[int, int]] = []
        self.topic = Topic(ChangesSeen({0: 2, CLOSING_PROCESS: 1}, 0.0))
        self.wait = Wait({0: two, CLOSING_PROCESS: one}, self.topic, LIMIT_S, self.tell, lambda: self.now)  # type: ignore[arg-type]

    def come(self, *lines: tuple[int, int]) -> None:
        """Lines are read."""
        self.topic.seen.add([Change(process, number, CREATED, False, 8, 0.0, 0.0) for process, number in lines])
        self.topic.next[0] = self.topic.next.get(0, 0) + len(lines)

    def is_over(self, after_s: float, end: int = 0, **about: Any) -> bool:
        """Some time goes by, and the topic was looked at, which ended so far when the audit began."""
        self.now += after_s
        self.wait.heard({0: (0, end)}, **{"is_silent": True, **about})
        return self.wait.is_over()

    def tell(self, came: int, total: int) -> None:
        """Progress."""
        self.told.append((came, total))


def test_all_there() -> None:
    """With every line there the wait is over at once, if all that the topic held was read."""
    story = Story()
    story.come((0, 0), (0, 1), (CLOSING_PROCESS, 0))
    assert story.is_over(0.0, end=3)
    assert story.wait.behind == ""
    assert story.told == [(3, 3)]


def test_more_to_read() -> None:
    """What the topic holds beyond the last line that was waited for is read too: redeliveries stand there."""
    story = Story()
    story.come((0, 0), (0, 1), (CLOSING_PROCESS, 0))
    assert not story.is_over(0.0, end=5, is_silent=False)
    story.come((0, 0), (0, 1))
    assert story.is_over(LOOK_EVERY_S, end=5, is_silent=False)


def test_behind_the_closing_line_nothing_comes() -> None:
    """Once the closing line is there, what is missing is lost after a moment of grace, long before the limit."""
    story = Story()
    story.come((0, 0), (CLOSING_PROCESS, 0))
    assert not story.is_over(0.0)
    assert not story.is_over(GRACE_S - 0.1)
    assert story.is_over(LOOK_EVERY_S)
    assert story.wait.behind == ""


def test_a_straggler_in_the_grace() -> None:
    """A line of another partition that comes after the closing one is not lost."""
    story = Story()
    story.come((0, 0), (CLOSING_PROCESS, 0))
    assert not story.is_over(0.0)
    story.come((0, 1))
    assert story.is_over(1.0)


def test_never_caught_up() -> None:
    """Without the closing line the wait goes on to its limit, tells how far it is, and says how far it came."""
    story = Story()
    story.come((0, 1))
    assert not any(story.is_over(1.0) for _ in range(int(LIMIT_S) - 1))
    assert story.is_over(1.0)
    assert story.wait.behind == "1 of 3 were there after 20 s"
    assert set(story.told) == {(1, 3)}


def test_reading_is_not_waiting() -> None:
    """While there is something to read the limit does not count: millions of lines take longer to read than it."""
    story = Story()
    assert not any(story.is_over(LIMIT_S, is_silent=False) for _ in range(5))
    assert story.is_over(LIMIT_S)


def test_what_is_there_is_read_first() -> None:
    """Brokers that are slow to give what the topic held are waited for, though the limit is over."""
    story = Story()
    story.wait = Wait({0: story.two}, story.topic, 0.0, story.tell, lambda: story.now)  # type: ignore[arg-type]
    assert not story.is_over(1.0, end=1)
    story.come((0, 1))
    assert story.is_over(1.0, end=1)
    assert story.wait.behind.startswith("1 of 2 were there")


def test_what_never_comes_is_not_waited_for_ever() -> None:
    """A topic that ends in records which nobody is given (marks of transactions) does not hold the audit up."""
    story = Story()
    assert not any(story.is_over(1.0, end=9) for _ in range(int(FIRST_S) - 1))
    assert story.is_over(1.0, end=9)


def test_looks_now_and_then() -> None:
    """Millions of flags are not compared with each batch."""
    story = Story()
    looks = [story.is_over(LOOK_EVERY_S / 10) for _ in range(20)]
    assert not any(looks)
    assert 2 <= len(story.told) <= 3
