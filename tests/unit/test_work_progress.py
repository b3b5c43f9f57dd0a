"""How far something long has come, told without a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lakestorm.record.figures import THIN
from lakestorm.report.work_progress import FIRST_AFTER_S, PLAIN_EVERY_S, work_progress

if TYPE_CHECKING:
    import pytest


def lines_of(capsys: pytest.CaptureFixture[str], *moments: tuple[float, int, int]) -> list[str]:
    """What is said when at these seconds so many of so many are done."""
    now = [100.0]
    with work_progress("Reading logins", lambda: now[0]) as tell:
        for at_s, done, total in moments:
            now[0] = 100.0 + at_s
            tell(done, total)
    found = capsys.readouterr()
    assert found.out == ""
    return found.err.splitlines()


def test_what_is_soon_done_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """A thousand words within two seconds are no line."""
    assert lines_of(capsys, *((i / 1000 * FIRST_AFTER_S, i, 1000) for i in range(1000))) == []


def test_what_takes_long_tells_rate_and_time_left(capsys: pytest.CaptureFixture[str]) -> None:
    """A line once in five seconds, however often it is told."""
    every_half_second = [(i / 2, i * 50_000, 4_000_000) for i in range(41)]
    lines = lines_of(capsys, *every_half_second)
    assert len(lines) == 1 + int((20 - FIRST_AFTER_S) / PLAIN_EVERY_S)
    assert lines[0] == f"Reading logins: 200{THIN}000 of 4{THIN}000{THIN}000, 100{THIN}000 a second, 38 s left."


def test_nothing_done_so_far_has_no_time_left(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is divided by zero."""
    assert lines_of(capsys, (3.0, 0, 10)) == ["Reading logins: 0 of 10, 0 a second."]
