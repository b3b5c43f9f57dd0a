"""Reader of recordings: CSV files of `second,users` that were counted somewhere else."""

from __future__ import annotations

import csv
import itertools
import math
from typing import TYPE_CHECKING

from lakestorm.errors import SettingsError
from lakestorm.model.recording import Recording
from lakestorm.settings import unread

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

HEADER = ["second", "users"]
PROBLEMS_TOLD = 10
"""A file of another kind has a mistake in every line."""


def read_recording(path: Path) -> Recording:
    """The recording in a file; raises SettingsError that names file, line and what is wanted."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError([f"REPLAY_FILE, {path}: {unread(error)}"]) from error
    return recording_from_csv(lines, str(path))


def recording_from_csv(lines: Iterable[str], source: str) -> Recording:
    """The recording in the lines of a CSV file.

    Args:
        lines: the first is `second,users`, the others two numbers each; empty ones are passed over.
        source: what errors call it.

    Raises:
        SettingsError: with the first mistakes, each with its line.
    """
    reader = csv.reader(lines)
    numbered = ((reader.line_num, [cell.strip() for cell in row]) for row in reader if row)
    line, header = next(numbered, (1, []))
    if header != HEADER:
        raise SettingsError([f'{source}, line {line}: "{",".join(header)}"; the header second,users is wanted.'])
    rows: list[tuple[float, float]] = []
    problems = list(itertools.islice(take_rows(numbered, rows), PROBLEMS_TOLD))
    if not problems and (len(rows) < 2 or not any(users for _, users in rows)):  # noqa: PLR2004 - a start and an end
        problems = ["at least two rows are wanted, and more than 0 users in some of them."]
    if problems:
        raise SettingsError([f"{source}, {problem}" for problem in problems])
    return Recording(tuple(rows))


def take_rows(numbered: Iterable[tuple[int, list[str]]], rows: list[tuple[float, float]]) -> Iterator[str]:
    """Append the rows that are right to `rows`; yield a sentence for each that is wrong."""
    for line, cells in numbered:
        try:
            second, users = map(float, cells)
        except ValueError:
            yield f'line {line}: "{",".join(cells)}"; two numbers are wanted, second and users.'
            continue
        if not math.isfinite(second) or (rows and second <= rows[-1][0]):
            yield f"line {line}: second is {cells[0]}; it shall be above that of the row before it."
        elif not 0 <= users < math.inf:
            yield f"line {line}: users are {cells[1]}; a number ≥ 0 is wanted."
        else:
            rows.append((second, users))
