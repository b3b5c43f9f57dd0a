"""What probes say at this moment, as rows of a table: now, a minute ago, where it goes, and whether it can be read."""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING

from lakestorm.record.figures import digits, duration
from lakestorm.report.words import reading_in_words
from lakestorm.verdict.plateaus import slope

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    import numpy.typing as npt

    from lakestorm.record.readings import Readings, Series

    Floats = npt.NDArray[np.float64]

MINUTE_S = 60.0
LEVEL = 0.02
"""What changes by less than this share of its size in a minute is level, however sure that change is."""
SILENT = 3
"""A probe that has said nothing for so many of its periods is silent."""
CODE = re.compile(r"(\d+) (\w+)(?:, |$)")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ReadingNow:
    """One row, as texts. `name` is that of thresholds and files, `reading` what it is in words."""

    name: str
    reading: str
    now: str
    minute_ago: str
    trend: str
    unit: str
    state: str


def readings_now(readings: Readings, now_s: float, every_s: float) -> Iterator[ReadingNow]:
    """Every series of a run, in the order in which they were first read.

    Args:
        readings: of the run.
        now_s: seconds since the run's start.
        every_s: how often each probe is asked.
    """
    for name, series in list(readings.series.items()):
        yield row(name, series, now_s, every_s)


def row(name: str, series: Series, now_s: float, every_s: float) -> ReadingNow:
    """One series. A value that could not be read is empty, never a 0."""
    seconds, values = series.trace.since(now_s - MINUTE_S - max(1.0, every_s))
    codes = codes_of(series.unit)
    is_old = len(seconds) and seconds[0] <= now_s - MINUTE_S
    latest = series.now
    probe, _, what = name.partition(".")
    return ReadingNow(
        name=name,
        reading=reading_in_words(probe, what),
        now="" if latest is None or latest.value is None else value_in_words(latest.value, codes),
        minute_ago=value_in_words(float(values[0]), codes) if is_old else "",
        trend="" if codes else trend(seconds, values),
        unit="" if codes else series.unit,
        state=state(series, now_s, every_s),
    )


def codes_of(unit: str) -> dict[int, str]:
    """What numbers stand for, where the unit says so: "0 reserved, 1 extended"; else nothing."""
    found = CODE.findall(unit)
    is_whole = "".join(f"{number} {word}, " for number, word in found) == f"{unit}, "
    return {int(number): word for number, word in found} if found and is_whole else {}


def value_in_words(value: float, codes: dict[int, str]) -> str:
    """A number, or the word that it stands for."""
    return codes.get(int(value), digits(value)) if codes else digits(value)


def trend(seconds: Floats, values: Floats) -> str:
    """Whether it rose or fell in the last minute, as far as 95 % confidence goes; empty where nobody can tell."""
    found = slope(seconds, values)
    if found is None:
        return ""
    if abs(found.per_s) * MINUTE_S < LEVEL * float(abs(values).max()):
        return "level"
    direction = "rising" if found.per_s > 0 else "falling"
    if found.low is None or found.high is None:
        return direction if is_parted(values) else ""
    return "level" if found.low <= 0 <= found.high else direction


def is_parted(values: Floats) -> bool:
    """Whether all of the later half lies above the earlier, or all below: a smooth curve has no other confidence."""
    early, late = values[: len(values) // 2], values[len(values) // 2 :]
    return bool(early.max() < late.min() or early.min() > late.max())


def state(series: Series, now_s: float, every_s: float) -> str:
    """`ok`, why it cannot be read, or for how long nothing was heard."""
    latest = series.now
    if latest is None:
        return "never read"
    if latest.value is None:
        return f"cannot be read: {latest.error}"
    silent_s = now_s - latest.second
    return "ok" if silent_s <= SILENT * max(1.0, every_s) else f"silent for {duration(silent_s)}"
