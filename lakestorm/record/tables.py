"""`timeline.csv`, `errors.csv` and `probes.csv` read back, as columns.

A killed run leaves a last line without its end: every reader here leaves that line out.
"""

from __future__ import annotations

import csv
import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from lakestorm.errors import ResultsError
from lakestorm.record import readings, timeline
from lakestorm.record.manifest import COUNTS

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Integers = npt.NDArray[np.int64]


@dataclasses.dataclass(frozen=True, slots=True)
class Seconds:
    """One request name, second by second from 0.

    Attributes:
        counts: by name of COUNTS, shape (seconds,).
        percentiles_ms: by name of timeline.PERCENTILES, shape (seconds,); NaN where no answer came.
    """

    counts: dict[str, Integers]
    percentiles_ms: dict[str, Floats]


@dataclasses.dataclass(frozen=True, slots=True)
class ProbeSeries:
    """All readings of one name. Shapes: `second`, `value` (readings,); NaN where it could not be read."""

    unit: str
    second: Floats
    value: Floats
    errors: list[str]
    """Why it could not be read, one text a reading that failed."""


def seconds_from_csv(text: str) -> dict[str, Seconds]:
    """`timeline.csv` by request name, all of one length.

    Raises:
        ResultsError: a line does not fit; says which.
    """
    width = len(timeline.HEADER)
    names: list[str] = []
    numbers: list[list[float]] = []
    for place, row in rows(text, "timeline.csv", ",".join(timeline.HEADER), width):
        names.append(row[1])
        numbers.append([number(value, place) for value in (row[0], *row[2:])])
    table = np.array(numbers, dtype=np.float64).reshape(-1, width - 1)
    of_row = np.array(names)
    length = int(table[:, 0].max()) + 1 if len(table) else 0
    return {name: seconds_of(table[of_row == name], length) for name in dict.fromkeys(names)}


def seconds_of(table: Floats, length: int) -> Seconds:
    """Rows of one name spread over all seconds: 0 and NaN where there is no row."""
    spread = np.full((length, table.shape[1]), np.nan)
    spread[table[:, 0].astype(np.int64)] = table
    columns = spread[:, 1:].T
    counts = {name: np.nan_to_num(column).astype(np.int64) for name, column in zip(COUNTS, columns, strict=False)}
    return Seconds(counts, dict(zip(timeline.PERCENTILES, columns[len(COUNTS) :], strict=True)))


def errors_from_csv(text: str) -> dict[str, dict[int, int]]:
    """`errors.csv` summed over request names: {code: {second: failed requests}}.

    Raises:
        ResultsError: a line does not fit; says which.
    """
    found: dict[str, dict[int, int]] = {}
    for i, line in enumerate(text.split("\n")[1:-1], 2):
        place = f"errors.csv, line {i}"
        second, _, rest = line.partition(",")
        _, code, count = rest.rsplit(",", 2) if rest.count(",") > 1 else ("", "", "is too short")
        of_code = found.setdefault(code, {})
        at = int(number(second, place))
        of_code[at] = of_code.get(at, 0) + int(number(count, place))
    return found


def probes_from_csv(text: str) -> dict[tuple[str, str], ProbeSeries]:
    """`probes.csv` by (probe, name)."""
    found: dict[tuple[str, str], list[tuple[float, float, str, str]]] = {}
    for place, (second, probe, name, value, unit, error) in rows(text, "probes.csv", readings.HEADER.strip(), 6):
        found.setdefault((probe, name), []).append((number(second, place), number(value, place), unit, error))
    return {key: probe_series(read) for key, read in found.items()}


def probe_series(read: list[tuple[float, float, str, str]]) -> ProbeSeries:
    """Readings (second, value, unit, error) as columns."""
    return ProbeSeries(
        unit=read[-1][2],
        second=np.array([second for second, *_ in read]),
        value=np.array([value for _, value, *_ in read]),
        errors=[error for *_, error in read if error],
    )


def rows(text: str, file: str, header: str, width: int) -> Iterator[tuple[str, list[str]]]:
    """(place for messages, fields) of every whole line; headers, which a killed run may repeat, are left out."""
    whole = text[: text.rfind("\n") + 1].splitlines(keepends=True)
    reader = csv.reader(whole)
    for row in reader:
        place = f"{file}, line {reader.line_num}"
        if len(row) != width:
            raise ResultsError(f"{place} has {len(row)} fields: {width} are wanted ({header}).")
        if ",".join(row) != header:
            yield place, row


def number(text: str, place: str) -> float:
    """A number; NaN where the field is empty."""
    try:
        return float(text) if text else np.nan
    except ValueError as error:
        raise ResultsError(f'{place} has "{text}" where a number is wanted.') from error
