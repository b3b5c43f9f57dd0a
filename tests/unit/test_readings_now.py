"""The table of what is read now: values, a minute ago, trends, and what cannot be read."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest

from lakestorm.record.readings import Reading, Readings
from lakestorm.report.readings_now import codes_of, readings_now
from tests.unit.made_results import THIN

if TYPE_CHECKING:
    from collections.abc import Sequence


def rows(
    values: Sequence[float | None], *, unit: str = "bytes", now_s: float | None = None, name: str = "lag"
) -> list[str]:
    """now, a minute ago, trend, state of a series that is read once a second from second 0 on."""
    readings = Readings()
    for second, value in enumerate(values):
        readings.add(Reading(float(second), "slot", name, value, unit, "" if value is not None else "it is gone"))
    (row,) = readings_now(readings, len(values) - 0.5 if now_s is None else now_s, 1.0)
    assert row.name == f"slot.{name}"
    return [row.now, row.minute_ago, row.trend, row.state]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([1000.0 * i for i in range(100)], [f"99{THIN}000", f"39{THIN}000", "rising", "ok"]),
        ([5000.0 - 50 * i for i in range(100)], ["50", f"3{THIN}050", "falling", "ok"]),
        ([7.0] * 100, ["7", "7", "level", "ok"]),
        ([1000.0 + 0.1 * i for i in range(100)], [f"1{THIN}010", f"1{THIN}004", "level", "ok"]),  # sure, and tiny
        ([100.0 + 40 * math.sin(i) for i in range(100)], ["60", "139", "level", "ok"]),
        ([0.0, 10.0, 20.0, 30.0, 40.0, 50.0], ["50", "", "rising", "ok"]),
        ([1.01**i for i in range(100)], ["2.68", "1.47", "rising", "ok"]),  # smooth: no confidence, and no doubt
        ([1.0, 5.0, 2.0, 6.0], ["6", "", "level", "ok"]),
        ([3.0], ["3", "", "", "ok"]),
        ([3.0, None], ["", "", "", "cannot be read: it is gone"]),
        ([None], ["", "", "", "cannot be read: it is gone"]),
    ],
)
def test_a_reading_is_told_with_its_past(values: list[float | None], said: list[str]) -> None:
    """Now, a minute ago, and a trend only where 95 % confidence has one."""
    assert rows(values) == said


def test_silence_is_no_state_that_is_all_right() -> None:
    """Three periods without a word."""
    assert rows([1.0] * 10, now_s=12.0)[3] == "ok"
    assert rows([1.0] * 10, now_s=25.0)[3] == "silent for 16 s"


def test_codes_are_told_as_words() -> None:
    """Where a unit says what numbers stand for; they have no trend."""
    unit = "0 reserved, 1 extended, 2 unreserved, 3 lost"
    assert rows([0.0] * 90 + [3.0] * 10, unit=unit) == ["lost", "reserved", "", "ok"]
    assert rows([9.0], unit=unit)[0] == "9"


@pytest.mark.parametrize(
    ("unit", "codes"),
    [
        ("1 yes, 0 no", {1: "yes", 0: "no"}),
        ("0 running", {0: "running"}),
        ("bytes", {}),
        ("s since it began", {}),
        ("", {}),
        ("0 up, and more", {}),
        ("ms, commit to reader", {}),
    ],
)
def test_units_that_are_no_codes_stay(unit: str, codes: dict[int, str]) -> None:
    """Only a whole list of numbers and words is one."""
    assert codes_of(unit) == codes
