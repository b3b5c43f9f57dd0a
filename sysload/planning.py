"""The plan that settings ask for; refused before any load if it cannot be read or cannot be had."""

from __future__ import annotations

import csv
import difflib
import itertools
import math
from pathlib import Path
from typing import TYPE_CHECKING

from lakestorm.errors import SettingsError
from lakestorm.model.named_profiles import NAMED_PROFILES
from lakestorm.settings import unread
from lakestorm.settings.sysload import memory_amount
from sysload.phases import Phase, Rows, Shaped
from sysload.second import Targets

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lakestorm.settings import SysloadSettings
    from sysload.limits import Limits
    from sysload.phases import Plan

HEADER = ["second", "cpu", "memory", "disk"]
PROBLEMS_TOLD = 10
MB = 1e6


def plan_of(settings: SysloadSettings, limits: Limits, duration_s: float | None) -> Plan:
    """The plan; raises SettingsError if it cannot be read, or wants more memory than there is.

    Args:
        settings: what is asked.
        limits: what may be used.
        duration_s: of the whole run; None = until it is stopped.
    """
    most = Targets(settings.cpu_percent, memory_mb(settings.memory_mb, limits), settings.disk_mbps)
    if profile := NAMED_PROFILES.get(settings.phases):
        plan: Plan = Shaped(settings.phases, profile, most, duration_s or settings.phases_s)
    else:
        plan = read_rows(settings.phases, limits)
    refuse_memory(plan.peak().memory_mb, settings, limits, "SYSLOAD_MEMORY_MB" if profile else settings.phases)
    return plan


def memory_mb(text: str, limits: Limits) -> float:
    """Megabytes of `300` or `10%`; ValueError on anything else."""
    number, is_share = memory_amount(text)
    return number / 100 * limits.memory_bytes / MB if is_share else number


def refuse_memory(asked_mb: float, settings: SysloadSettings, limits: Limits, name: str) -> None:
    """Raise SettingsError if so much can never be held."""
    most_mb = max(0.0, limits.memory_bytes / MB - settings.memory_reserve_mb)
    if asked_mb > most_mb:
        value = f'"{settings.memory_mb}"' if name == "SYSLOAD_MEMORY_MB" else f"asking for {asked_mb:.0f} MB of memory"
        problem = (
            f"{name} is {value}: at most {most_mb:.0f} MB are allowed, as {limits.memory_by} is"
            f" {limits.memory_bytes / MB:.0f} MB and SYSLOAD_MEMORY_RESERVE_MB keeps"
            f" {settings.memory_reserve_mb:.0f} of them free. Ask for less, or run it where more is."
        )
        raise SettingsError([problem])


def read_rows(name: str, limits: Limits) -> Rows:
    """The rows of a profile file; raises SettingsError that names file, line and what is wanted."""
    try:
        lines = Path(name).read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError, ValueError) as error:
        near = difflib.get_close_matches(name, NAMED_PROFILES, 1)
        hint = f" Did you mean {near[0]}?" if near else ""
        why = unread(error) if isinstance(error, OSError | UnicodeDecodeError) else f"{error}."
        shapes = ", ".join(NAMED_PROFILES)
        raise SettingsError(
            [f'SYSLOAD_PHASES is "{name}": one of {shapes}, or a CSV file is wanted; as a file: {why}{hint}']
        ) from error
    return rows_from_csv(lines, f"SYSLOAD_PHASES, {name}", limits)


def rows_from_csv(lines: Iterable[str], source: str, limits: Limits) -> Rows:
    """The plan in the lines of a CSV file.

    Args:
        lines: the first is `second,cpu,memory,disk` (`,phase` may follow), then a row each: seconds, percent, megabytes
            (or a share as `10%`), megabytes a second, a name; empty lines are passed over.
        source: what errors call it.
        limits: what a share of memory is of.

    Raises:
        SettingsError: with the first mistakes, each with its line.
    """
    reader = csv.reader(lines)
    numbered = ((reader.line_num, [cell.strip() for cell in row]) for row in reader if row)
    line, header = next(numbered, (1, []))
    if header not in (HEADER, [*HEADER, "phase"]):
        wanted = ",".join(HEADER)
        raise SettingsError([f'{source}, line {line}: "{",".join(header)}"; the header {wanted} is wanted.'])
    rows: list[tuple[float, Phase]] = []
    problems = list(itertools.islice(take_rows(numbered, rows, len(header), limits), PROBLEMS_TOLD))
    if not problems and not rows:
        problems = ["at least one row is wanted."]
    if problems:
        raise SettingsError([f"{source}, {problem}" for problem in problems])
    return Rows(tuple(rows))


def take_rows(
    numbered: Iterable[tuple[int, list[str]]], rows: list[tuple[float, Phase]], width: int, limits: Limits
) -> Iterator[str]:
    """Append the rows that are right to `rows`; yield a sentence for each that is wrong."""
    for line, cells in numbered:
        try:
            second, targets = row_from_cells(cells, width, limits)
        except ValueError:
            yield (
                f'line {line}: "{",".join(cells)}"; {width} values are wanted: a second ≥ 0, CPU in 0…100 %, memory in'
                " megabytes or as 10%, disk in megabytes a second ≥ 0, and a name where the header has phase."
            )
            continue
        if second <= rows[-1][0] if rows else second != 0:
            yield f"line {line}: second is {cells[0]}; the first is 0, each other above that of the row before it."
        else:
            rows.append((second, Phase(cells[4] if len(cells) > len(HEADER) else f"row {len(rows) + 1}", targets)))


def row_from_cells(cells: list[str], width: int, limits: Limits) -> tuple[float, Targets]:
    """(second, targets) of a row's cells; ValueError if one of them is wrong."""
    second, cpu, disk = (float(cells[place]) for place in (0, 1, 3) if len(cells) == width)
    if not (0 <= second < math.inf and 0 <= cpu <= 100 and 0 <= disk < math.inf) or "" in cells:  # noqa: PLR2004
        raise ValueError(cells)
    return second, Targets(cpu, memory_mb(cells[2], limits), disk)
