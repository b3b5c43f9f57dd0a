"""What failed, by code, over time."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from lakestorm.record.figures import grouped
from lakestorm.report.pictures import Picture, closed, numbers
from lakestorm.report.sections.rows import Row, rows_figure
from lakestorm.report.sections.throughput import after
from lakestorm.report.words import code_in_words

if TYPE_CHECKING:
    import numpy.typing as npt

    from lakestorm.record.folder import Results
    from lakestorm.report.timescale import TimeScale

ROWS_MAX = 6
"""Codes with a row of their own; the rest share one."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """One code of one request name: how many failed by it, and how many tries were repeated because of it."""

    name: str
    code: str
    meaning: str
    failed: int
    retried: int


def failures(results: Results) -> list[Failure]:
    """Codes by request name over the whole run, the most frequent first."""
    found = []
    for name, spans in results.run.requests.items():
        total = spans.total
        found += [
            Failure(
                name=name,
                code=code,
                meaning=code_in_words(code),
                failed=total.errors.get(code, 0),
                retried=total.retries.get(code, 0),
            )
            for code in dict.fromkeys((*total.errors, *total.retries))
        ]
    return sorted(found, key=lambda failure: (-failure.failed, -failure.retried, failure.name, failure.code))


def failures_over_time(results: Results, scale: TimeScale) -> Picture | None:
    """One row a code; None where nothing failed."""
    by_code = {code: in_seconds(of, scale.seconds) for code, of in results.errors.items()}
    counts = dict(sorted(by_code.items(), key=lambda item: (-int(item[1].sum()), item[0])))
    if not counts:
        return None
    return Picture(
        name="failures",
        question="What failed, and when?",
        answer=failures_in_words(counts),
        shows=f"Failed requests per second over time, one row each for {', '.join(map(code_label, counts))}.",
        figure=rows_figure(scale, rows(counts, scale)),
        key=[("--failed", "failed requests per s")],
    )


def in_seconds(counts: dict[int, int], seconds: int) -> npt.NDArray[np.int64]:
    """Counts as an array; seconds after the end count as its last."""
    found = np.zeros(seconds, dtype=np.int64)
    for second, count in counts.items():
        found[min(max(second, 0), seconds - 1)] += count
    return found


def rows(counts: dict[str, npt.NDArray[np.int64]], scale: TimeScale) -> list[Row]:
    """The most frequent codes, and all others as one."""
    shown = dict(list(counts.items())[:ROWS_MAX])
    rest = [of for code, of in counts.items() if code not in shown]
    labelled = {code_label(code): of for code, of in shown.items()}
    if rest:
        labelled[f"{len(rest)} other codes"] = np.sum(rest, axis=0)
    x = list(scale.edges)
    return [
        Row(label=label, unit="per s", colour="--failed", x=x, y=closed(numbers(scale.rates(of))), filled=True)
        for label, of in labelled.items()
    ]


def failures_in_words(counts: dict[str, npt.NDArray[np.int64]]) -> str:
    """How many of each, from when to when."""
    said = []
    for code, of in list(counts.items())[:ROWS_MAX]:
        when = np.flatnonzero(of)
        span = f"the first {after(int(when[0]))}, the last {after(int(when[-1]))}"
        said.append(f"{grouped(int(of.sum()))} by {code_label(code)}, {span}")
    return f"{'; '.join(said)}."


def code_label(code: str) -> str:
    """`40P01 deadlock`."""
    return f"{code} {code_in_words(code)}".strip()
