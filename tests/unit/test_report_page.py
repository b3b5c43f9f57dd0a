"""The page as a whole: one file that asks for nothing, from whatever a run left, the same bytes every time."""

from __future__ import annotations

import dataclasses
import html.parser
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import lakestorm
from lakestorm.errors import ResultsError
from lakestorm.record.folder import Results
from lakestorm.record.manifest import RequestSpans, ThresholdResult
from lakestorm.report.page import json_for_script, page_html, write_page
from lakestorm.report.rebuild import rebuild
from tests.made_folders import Story, made_folder
from tests.unit import made_runs

if TYPE_CHECKING:
    from collections.abc import Callable
HOSTILE = "</script><img src=x onerror=alert(1)> & \"läden\" '店' {{ 7 * 7 }}"
SHORT = Story(seconds=8, warmup_s=1.0, doors_open_s=2.0, sold_out_s=4.0)


class Page(html.parser.HTMLParser):
    """What a page holds: text by tag, references, figures."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.references: list[str] = []
        self.headings: list[str] = []
        self.ids: list[str] = []
        self.drawn: list[str] = []
        self.words = ""
        self.figures = ""
        self._open: list[str] = []
        self._figures = False
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what a browser would fetch or can be pointed at."""
        named = {name: value or "" for name, value in attrs}
        self.references += [named[name] for name in ("src", "href", "srcset", "action", "data") if name in named]
        self.ids += [named["id"]] if "id" in named else []
        self.drawn += [named["id"]] if "plot" in named.get("class", "").split() else []
        self.headings += [tag] if tag in ("h1", "h2", "h3") else []
        self._open.append(tag)
        self._figures = named.get("id") == "figures"

    def handle_endtag(self, tag: str) -> None:
        """Forget the tag."""
        while self._open and self._open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        """Keep what a reader sees, and the figures."""
        if self._open and self._open[-1] == "script":
            self.figures += data if self._figures else ""
        elif "style" not in self._open:
            self.words += data


def page_of(where: Path, story: Story = SHORT, *, killed: bool = False, **fields: Any) -> Page:
    """The page of a made folder."""
    folder = made_folder(where, story, killed=killed, **fields)
    return Page(write_page(folder).read_text(encoding="utf-8"))


def huge() -> dict[str, Any]:
    """Counts of a run of years."""
    buys = made_runs.request(offered=10**15, completed=10**15, refused=0)
    return {"requests": {made_runs.BUY: RequestSpans(total=buys, measured=buys)}}


def hostile() -> dict[str, Any]:
    """A run whose every text tries to leave its place."""
    buys = made_runs.request(errors={HOSTILE: 1}, failed=1)
    failed = ThresholdResult(target=HOSTILE, expression=HOSTILE, abort=False, result="fail", value=HOSTILE)
    return {
        "requests": {HOSTILE: RequestSpans(total=buys, measured=buys)}, "thresholds": [failed], "stopped_by": HOSTILE,
        "settings": {HOSTILE: HOSTILE}, "environment": {HOSTILE: HOSTILE}, "command": HOSTILE, "reasons": [HOSTILE] * 3,
        "scenarios": [HOSTILE], "ledger": made_runs.with_ledger(reasons=[HOSTILE], samples={HOSTILE: [HOSTILE]}),
        "verdict": "fail",
    }  # fmt: skip


RUNS: dict[str, Callable[[Path], Page]] = {
    "an ordinary run": page_of,
    "a closed loop": lambda where: page_of(where, dataclasses.replace(SHORT, closed_loop=True)),
    "no shape": lambda where: page_of(where, dataclasses.replace(SHORT, shaped=False)),
    "one second": lambda where: page_of(where, Story(seconds=1, warmup_s=0.0, doors_open_s=0.0)),
    "no requests": lambda where: page_of(where, Story(seconds=1, rate=0), requests={}, thresholds=[], reasons=[]),
    "all in the warm-up": lambda where: page_of(where, dataclasses.replace(SHORT, warmup_s=60.0)),
    "killed": lambda where: page_of(where, SHORT, killed=True),
    "killed at once": lambda where: page_of(where, Story(seconds=1), killed=True),
    "no ledger": lambda where: page_of(where, SHORT, ledger={}),
    "huge counts": lambda where: page_of(where, SHORT, **huge()),
    "hostile texts": lambda where: page_of(where, SHORT, **hostile()),
}


@pytest.mark.parametrize("run", RUNS)
def test_whatever_a_run_left_there_is_a_page(tmp_path: Path, run: str) -> None:
    """One heading of the first rank, none skipped, no two ids alike, a figure for each place, nothing to fetch."""
    page = RUNS[run](tmp_path)
    assert page.headings[0] == "h1"
    assert page.headings.count("h1") == 1
    assert set(page.references) == {"data:,", "#tables"}
    assert len(page.ids) == len(set(page.ids))
    figures = json.loads(page.figures)
    assert sorted(figures) == sorted(page.drawn)
    assert all(place in page.words for place in ("Did it keep up", "Do the books balance?", "How to run it again"))


def test_what_does_not_exist_is_told_in_words(tmp_path: Path) -> None:
    """Rather than by an empty picture."""
    nothing = RUNS["no requests"](tmp_path / "nothing").words
    assert "Nothing was offered." in nothing
    assert "Not known: none was answered." in nothing
    killed = RUNS["killed"](tmp_path / "killed").words
    assert "Not known: The run has not come to its end." in " ".join(killed.split())
    assert "so nobody audited it" in killed
    assert "As far as the run came." in killed


def test_hostile_texts_stay_texts(tmp_path: Path) -> None:
    """Whatever a setting, a code or a name holds, it is shown as it is and never becomes markup or script."""
    page = RUNS["hostile texts"](tmp_path)
    assert page.words.count(HOSTILE) > 10
    text = (tmp_path / "latest" / "report.html").read_text(encoding="utf-8")
    assert "<img src=x" not in text


def test_json_cannot_end_its_script() -> None:
    """It reads back as it was, without a character that HTML would see."""
    value = {"a": HOSTILE + "\u2028<!--", "b": [1.5, None]}
    text = json_for_script(value)
    assert json.loads(text) == value
    assert not set(text) & set("<>&\u2028")
    with pytest.raises(ValueError, match="JSON compliant"):
        json_for_script(float("nan"))


def test_numbers_of_the_page_are_those_of_the_run(tmp_path: Path) -> None:
    """Verdict and counts stand on it as run.json has them."""
    folder = made_folder(tmp_path, SHORT)
    run = Results.read(folder).run
    words = " ".join(Page(write_page(folder).read_text(encoding="utf-8")).words.split())
    measured = run.requests["PG order.buy"].measured
    assert run.reasons[0] in words
    for count in (measured.offered, measured.completed, measured.refused):
        assert str(count) in words
    assert measured.response_ms is not None
    assert f"{measured.response_ms.p99:.3g}" in words


def test_the_same_folder_gives_the_same_bytes_anywhere(tmp_path: Path) -> None:
    """Copied to another path, in another process, at another time; no path of the machine stands in it."""
    folder = made_folder(tmp_path / "one", SHORT)
    first = rebuild(folder).read_bytes()
    copy = tmp_path / "elsewhere" / "läden"
    shutil.copytree(folder, copy)
    (copy / "report.html").unlink()
    run = subprocess.run(
        [sys.executable, "-m", "lakestorm.cli", "report", str(copy)], capture_output=True, text=True, check=False
    )
    assert (run.returncode, run.stderr, run.stdout) == (0, "", f"{copy / 'report.html'}\n")
    assert (copy / "report.html").read_bytes() == first
    assert str(tmp_path).encode() not in first
    assert str(Path(lakestorm.__file__).parents[1]).encode() not in first
    assert {path.name for path in copy.iterdir()} >= {"summary.md", "junit.xml"}


def test_what_is_no_results_folder_is_refused(tmp_path: Path) -> None:
    """And nothing is written into it."""
    with pytest.raises(ResultsError, match="is no results folder"):
        rebuild(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_long_run_is_written_in_seconds_and_keeps_its_worst_second(tmp_path: Path) -> None:
    """Points are thinned out; the slowest second and every failure are still on the page."""
    story = Story(seconds=950, names=1, rate=3, warmup_s=0.0, doors_open_s=0.0, sold_out_s=None, failing=0.3)
    folder = made_folder(tmp_path, story)
    results = Results.read(folder)
    figures = json.loads(Page(page_html(results)).figures)
    worst = results.timeline["PG order.buy"].percentiles_ms["p999_ms"]
    drawn = [y for trace in figures["times-0"]["data"] for y in trace["y"] if y is not None]
    assert max(drawn) == pytest.approx(max(worst[worst == worst]), rel=1e-3)  # noqa: PLR0124 - NaN is not itself
    failed = sum(y * 2 for trace in figures["failures"]["data"] for y in trace["y"][:-1])
    assert failed == pytest.approx(results.run.requests["PG order.buy"].total.failed, rel=1e-3)
