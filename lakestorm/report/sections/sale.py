"""Refusals and what was left to sell; and every other number that probes read."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from lakestorm.record.figures import digits, grouped
from lakestorm.report.pictures import Picture, closed, numbers
from lakestorm.report.sections.rows import Row, rows_figure
from lakestorm.report.sections.throughput import after, totals
from lakestorm.report.words import question_of, reading_in_words

if TYPE_CHECKING:
    import numpy.typing as npt

    from lakestorm.record.folder import Results
    from lakestorm.record.tables import ProbeSeries
    from lakestorm.report.timescale import TimeScale

STOCK = "stock"
"""The probe that belongs beside refusals."""


def sale(results: Results, scale: TimeScale) -> Picture | None:
    """When was everything gone? None where nobody was refused and no stock was read."""
    refused = totals(results).get("refused", np.zeros(1, dtype=np.int64))
    stock = series_of(results, STOCK)
    if not refused.any() and not stock:
        return None
    rows = probe_rows(stock, scale, STOCK)
    said = [refused_in_words(refused)]
    if refused.any():
        y = closed(numbers(scale.rates(refused)))
        rows.append(Row(label="refused", unit="per s", colour="--refused", x=list(scale.edges), y=y, filled=True))
    said += [series_in_words(reading_in_words(STOCK, name), series) for name, series in stock.items()]
    return picture("sale", question_of(STOCK), said, rows, scale)


def refused_in_words(refused: npt.NDArray[np.int64]) -> str:
    """When the first refusal came, and how many came."""
    if not refused.any():
        return "It did not: nobody was refused."
    first = after(int(np.flatnonzero(refused)[0]))
    return f"The first refusal came {first}; {grouped(int(refused.sum()))} were refused in all."


def other_probes(results: Results, scale: TimeScale) -> list[Picture]:
    """One picture for each probe but the stock's."""
    probes = dict.fromkeys(probe for probe, _ in results.probes if probe != STOCK)
    return [probe_picture(results, scale, probe, number) for number, probe in enumerate(probes)]


def probe_picture(results: Results, scale: TimeScale, probe: str, number: int) -> Picture:
    """Everything that one probe read."""
    series = series_of(results, probe)
    said = [series_in_words(reading_in_words(probe, name), of) for name, of in series.items()]
    return picture(f"probe-{number}", question_of(probe), said, probe_rows(series, scale, probe), scale)


def picture(name: str, question: str, said: list[str], rows: list[Row], scale: TimeScale) -> Picture:
    """Rows with a question and an answer."""
    return Picture(
        name=name,
        question=question,
        answer=" ".join(sentence for sentence in said if sentence),
        shows=f"Over time, one row each: {', '.join(row.label for row in rows)}.",
        figure=rows_figure(scale, rows),
        key=[(row.colour, f"{row.label} ({row.unit})") for row in rows],
    )


def series_of(results: Results, probe: str) -> dict[str, ProbeSeries]:
    """What one probe read, by name."""
    return {name: series for (of, name), series in results.probes.items() if of == probe}


def probe_rows(series: dict[str, ProbeSeries], scale: TimeScale, probe: str) -> list[Row]:
    """One row a name; thinned out to the scale's buckets, the last reading of each."""
    found = []
    for name, of in series.items():
        x, y = thinned(of, scale)
        found.append(Row(label=reading_in_words(probe, name), unit=of.unit, colour="--reading", x=x, y=y))
    return found


def thinned(series: ProbeSeries, scale: TimeScale) -> tuple[list[float], list[float | None]]:
    """Times and values, one a bucket at most; a last value holds for one bucket more."""
    bucket = (series.second // scale.width_s).astype(np.int64)
    last = np.flatnonzero(np.append(np.diff(bucket) != 0, True))
    x = [round(float(at), 2) for at in series.second[last]]
    return [*x, min(x[-1] + scale.width_s, max(x[-1], scale.seconds))], closed(numbers(series.value[last]))


def series_in_words(label: str, series: ProbeSeries) -> str:
    """First, lowest or highest, last; when zero was reached; how often it could not be read."""
    known = np.isfinite(series.value)
    failed = f" It could not be read {grouped(len(series.errors))} times ({series.errors[0]})." if series.errors else ""
    if not known.any():
        return f"{sentence_start(label)}: never read.{failed}"
    values, seconds = series.value[known], series.second[known]
    said = f"{sentence_start(label)}: {digits(values[0])} at first, {digits(values[-1])} at the end"
    empty = np.flatnonzero(values <= 0)
    if values[0] > 0 and len(empty):
        said += f", none {after(math.floor(seconds[empty[0]]))}"
    elif values.max() > max(values[0], values[-1]):
        said += f", at most {digits(float(values.max()))} {after(math.floor(seconds[int(values.argmax())]))}"
    return f"{said}.{failed}"


def sentence_start(label: str) -> str:
    """The label with a capital letter."""
    return label[:1].upper() + label[1:]
