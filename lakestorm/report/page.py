"""`report.html`: one file, no network, made from a results folder alone.

One section is one pure function of `sections/` and one block of `templates/`; this module only puts them together.
The same folder gives the same bytes, wherever it lies and whenever it is read.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import importlib.resources
import json
from typing import TYPE_CHECKING, Any

import jinja2
import markupsafe
import plotly.offline

from lakestorm.record.figures import digits, grouped
from lakestorm.record.folder import Results
from lakestorm.record.manifest import write_text
from lakestorm.report.land import land_outline
from lakestorm.report.sections.anomalies import anomalies
from lakestorm.report.sections.answer import answer
from lakestorm.report.sections.books import books
from lakestorm.report.sections.chain import chain
from lakestorm.report.sections.detector import detector
from lakestorm.report.sections.distribution import distribution
from lakestorm.report.sections.failures import failures, failures_over_time
from lakestorm.report.sections.login_map import login_map
from lakestorm.report.sections.pipeline import backlogs, backlogs_in_words, pipeline
from lakestorm.report.sections.requests import SHOWN, request_rows
from lakestorm.report.sections.sale import other_probes, sale
from lakestorm.report.sections.setup import setup
from lakestorm.report.sections.throughput import throughput
from lakestorm.report.sections.times import timed_names, times_over_time
from lakestorm.report.sections.waits import PARTS, who_waited
from lakestorm.report.timescale import time_scale
from lakestorm.verdict.score_words import COLUMNS

if TYPE_CHECKING:
    from pathlib import Path

    from lakestorm.report.pictures import Picture
    from lakestorm.report.timescale import TimeScale

FILE = "report.html"


@dataclasses.dataclass(frozen=True, slots=True)
class TimesOfName:
    """The two pictures of one request name."""

    name: str
    pictures: list[Picture]


def write_page(folder: Path) -> Path:
    """Write `report.html` into a results folder, at once.

    Raises:
        ResultsError: this is no results folder, or a file in it is damaged.
    """
    path = folder / FILE
    write_text(path, page_html(Results.read(folder)))
    return path


def page_html(results: Results) -> str:
    """The text of report.html."""
    scale = time_scale(results)
    shown = sections(results, scale)
    started = dt.datetime.fromtimestamp(results.run.started_at, dt.UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    return templates().get_template("page.html.j2").render(
        **shown,
        run=results.run,
        title=f"{shown['answer'].word}: {' + '.join(results.run.scenarios)}, {started}",
        figures={picture.name: picture.figure for picture in pictures(shown)},
        timed=[picture.name for picture in pictures(shown) if picture.timed],
        plotly_js=markupsafe.Markup(plotly.offline.get_plotlyjs()),  # noqa: S704 - a library's own script
    )  # fmt: skip


def sections(results: Results, scale: TimeScale) -> dict[str, Any]:
    """What each block of the page shows."""
    return {
        "answer": answer(results),
        "throughput": throughput(results, scale),
        "times": [times_of_name(results, scale, name, i) for i, name in enumerate(timed_names(results))],
        "sale": sale(results, scale),
        "pipeline": pipeline(results, scale),
        "backlogs": backlogs(results.run),
        "chain": chain(results),
        "anomalies": anomalies(results, scale),
        "login_map": login_map(results, land_outline),
        "detector": detector(results),
        "failed": failures_over_time(results, scale),
        "failures": failures(results),
        "waited": who_waited(results),
        "books": books(results),
        "probes": other_probes(results, scale),
        "requests": request_rows(results),
        "setup": setup(results.run),
    }


def times_of_name(results: Results, scale: TimeScale, name: str, number: int) -> TimesOfName:
    """Times over time, then all of them by size."""
    both = (times_over_time(results, scale, name, number), distribution(results, name, number))
    return TimesOfName(name, [picture for picture in both if picture])


def pictures(shown: dict[str, Any]) -> list[Picture]:
    """Every picture of the page."""
    single = [shown[name] for name in ("throughput", "sale", "pipeline", "anomalies", "login_map", "failed")]
    of_names = [picture for times in shown["times"] for picture in times.pictures]
    of_chain = [shown["chain"].picture] if shown["chain"] else []
    return [picture for picture in (*single, *of_chain, *of_names, *shown["probes"]) if picture]


def templates() -> jinja2.Environment:
    """The templates beside this module, escaping whatever they are given."""
    found = jinja2.Environment(
        autoescape=True,
        loader=jinja2.PackageLoader("lakestorm.report"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters |= {"grouped": grouped, "digits": digits, "json": json_for_script}
    found.globals |= {
        "inlined": inlined,
        "COUNTS": SHOWN,
        "PARTS": PARTS,
        "keeping_up": backlogs_in_words,
        "SCORE_COLUMNS": COLUMNS,
    }
    return found


def json_for_script(value: Any) -> markupsafe.Markup:
    """JSON that may stand inside a script element: no character of it can end that element."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return markupsafe.Markup(text)  # noqa: S704 - see above


def inlined(name: str) -> markupsafe.Markup:
    """A style sheet or script of ours from `templates/`, as it is."""
    path = importlib.resources.files("lakestorm.report").joinpath("templates", name)
    return markupsafe.Markup(path.read_text(encoding="utf-8"))  # noqa: S704 - our own file
