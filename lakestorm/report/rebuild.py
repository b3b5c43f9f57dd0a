"""Everything that people and CI read of a run, made again from its results folder alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lakestorm.record.folder import Results
from lakestorm.record.manifest import write_text
from lakestorm.report.junit import junit_xml
from lakestorm.report.page import FILE, page_html
from lakestorm.report.summary import summary_md

if TYPE_CHECKING:
    from pathlib import Path


def rebuild(folder: Path) -> Path:
    """Write report.html, summary.md and junit.xml; gives the path of report.html.

    Raises:
        ResultsError: this is no results folder, or a file in it is damaged.
    """
    results = Results.read(folder)
    score = results.logins.score if results.logins else {}
    write_text(folder / "summary.md", summary_md(results.run, score))
    write_text(folder / "junit.xml", junit_xml(results.run, score))
    write_text(folder / FILE, page_html(results))
    return folder / FILE
