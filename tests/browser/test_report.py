"""The report in a real browser: it asks for nothing, complains of nothing, and can be read by anybody anywhere."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import pytest

from lakestorm.record.folder import Results
from lakestorm.record.manifest import Verdict
from lakestorm.report.page import write_page
from tests.made_folders import Story, made_folder

if TYPE_CHECKING:
    from tests.browser.conftest import Opener, Seen, Theme

CONTRAST = Path(__file__).with_name("contrast.js").read_text(encoding="utf-8")
READABLE = 4.5
"""WCAG 2.2, 1.4.3, level AA."""
OPENS_WITHIN_S = 3.0
PHONE = 390
HOUR = Story(seconds=3600, names=5, rate=30, warmup_s=120.0, doors_open_s=600.0, sold_out_s=2000.0)
RUNS = {
    "minute": Story(),
    "closed": Story(seconds=20, closed_loop=True, shaped=False),
    "one": Story(seconds=1, warmup_s=0.0, doors_open_s=0.0, shaped=False),
}


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Reports of made runs, by their story's name."""
    where = tmp_path_factory.mktemp("reports")
    found = {name: write_page(made_folder(where / name, story)) for name, story in RUNS.items()}
    found["killed"] = write_page(made_folder(where / "killed", Story(), killed=True))
    return found


@pytest.fixture(scope="module")
def hour(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of an hour with six request names."""
    return write_page(made_folder(tmp_path_factory.mktemp("hour"), HOUR))


def too_wide(seen: Seen) -> int:
    """Pixels by which the page is wider than the window."""
    return int(seen.page.evaluate("document.documentElement.scrollWidth - innerWidth"))


@pytest.mark.parametrize("run", [*RUNS, "killed"])
def test_it_asks_for_nothing_and_complains_of_nothing(opener: Opener, reports: dict[str, Path], run: str) -> None:
    """Every picture drawn, one request (the file itself), no word on the console; at the size of a phone too."""
    for width in (1440, PHONE):
        seen = opener(reports[run], width=width)
        seen.show_all()
        assert seen.requests == [reports[run].as_uri()]
        assert seen.complaints == []
        assert seen.page.locator(".plot svg.main-svg").count() >= 3


def test_verdict_and_numbers_are_the_runs(opener: Opener, reports: dict[str, Path]) -> None:
    """What the page says is what run.json has."""
    run = Results.read(reports["minute"].parent).run
    page = opener(reports["minute"]).page
    assert page.locator("h1").inner_text() == run.reasons[0]
    assert page.title().startswith("Passed: flashsale, 2026-09-21 14:13:20 UTC")
    cells = page.locator("[aria-label=Requests] tbody tr").first.locator("th, td").all_inner_texts()
    measured = run.requests["PG order.buy"].measured
    wanted = [measured.offered, measured.completed, measured.refused, measured.failed, measured.skipped]
    assert cells[0] == "PG order.buy"
    assert [int(cell.replace("\u2009", "")) for cell in cells[1:6]] == wanted


@pytest.mark.parametrize("run", [*RUNS, "killed"])
def test_a_phone_scrolls_down_only(opener: Opener, reports: dict[str, Path], run: str) -> None:
    """390 pixels are wide enough for the page; tables scroll inside their box; pictures fit."""
    seen = opener(reports[run], width=PHONE, height=844)
    seen.show_all()
    assert too_wide(seen) == 0
    widths = seen.page.eval_on_selector_all(".plot svg.main-svg", "all => all.map(one => one.clientWidth)")
    assert max(widths) <= PHONE
    assert seen.page.evaluate(
        "[...document.querySelectorAll('.scroll')].some(box => box.scrollWidth > box.clientWidth)"
    )


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("verdict", get_args(Verdict))
def test_every_text_can_be_read(opener: Opener, tmp_path: Path, theme: Theme, verdict: Verdict) -> None:
    """Contrast of at least 4.5 : 1 in both themes, whatever the verdict, in pictures too."""
    folder = made_folder(tmp_path, Story(seconds=12), verdict=verdict, reasons=["One.", "Two."])
    seen = opener(write_page(folder), theme=theme)
    seen.show_all()
    texts = seen.page.evaluate(f"({CONTRAST})({READABLE})")
    assert [text for text in texts if text["wrong"]] == []
    assert len(texts) > 150
    paper = texts[-1]["paper"]
    assert (sum(paper) > 600) is (theme == "light")


def test_the_theme_may_change_while_one_reads(opener: Opener, reports: dict[str, Path]) -> None:
    """Pictures follow, without loading the page again."""
    seen = opener(reports["minute"])
    fill = "getComputedStyle(document.querySelector('#throughput .xtick text')).fill"
    before = seen.page.evaluate(fill)
    seen.page.emulate_media(color_scheme="dark")
    seen.page.wait_for_function(f"before => {fill} !== before", arg=before)


def test_all_pictures_over_time_share_range_and_cursor(opener: Opener, reports: dict[str, Path]) -> None:
    """Who zooms into one zooms into all, also into those drawn later; a cursor stands at the same second in each."""
    seen = opener(reports["minute"])
    page = seen.page
    plots = "[...document.querySelectorAll('.timed')]"
    page.evaluate("Plotly.relayout('throughput', {'xaxis.range': [10, 30]})")
    seen.show_all()
    assert (
        page.evaluate(f"{plots}.map(one => one.layout.xaxis.range.join())")
        == ["10,30"] * page.locator(".timed").count()
    )
    places = page.evaluate(f"{plots}.map(p => [p._fullLayout.xaxis._offset, p._fullLayout.xaxis._length].join())")
    assert len(set(places)) == 1
    page.evaluate("Plotly.relayout('throughput', {'xaxis.range[0]': 0, 'xaxis.range[1]': 60})")
    assert set(page.evaluate(f"{plots}.map(one => one.layout.xaxis.range.join())")) == {"0,60"}
    page.locator("#throughput").hover(position={"x": 300, "y": 150})
    lines = page.evaluate(
        f"{plots}.map(p => [getComputedStyle(p, '::after').left, getComputedStyle(p, '::after').visibility].join())"
    )
    assert set(lines) == {"300px,visible"}


def test_everything_is_reached_by_keyboard(opener: Opener, reports: dict[str, Path]) -> None:
    """Tab goes to the skip link, every folded part and every table; Enter opens; the focus can be seen."""
    page = opener(reports["minute"]).page
    reached: list[dict[str, Any]] = []
    active = (
        "(() => { const a = document.activeElement; return {tag: a.tagName, label: a.ariaLabel || a.textContent.trim(),"
        " outline: getComputedStyle(a).outlineStyle}; })()"
    )
    for _ in range(20):
        page.keyboard.press("Tab")
        reached.append(page.evaluate(active))
        if reached[-1]["label"].startswith("Settings"):
            break
    labels = [stop["label"] for stop in reached]
    assert labels[0] == "To the tables"
    assert {"Requests", "Thresholds", "How long did PG item.view take?"} <= set(labels)
    assert all(stop["outline"] == "solid" for stop in reached)
    assert page.locator(".scroll:not([tabindex='0'])").count() == 0  # not every browser lets Tab reach what scrolls
    page.keyboard.press("Enter")
    assert page.locator("details").last.evaluate("one => one.open") is True


def test_pictures_and_tables_say_what_they_are(opener: Opener, reports: dict[str, Path]) -> None:
    """Each picture has a question, an answer and a text alternative; each table head cells with a scope."""
    page = opener(reports["minute"]).page
    for figure in page.query_selector_all("figure"):
        heading, caption, plot = (figure.query_selector(of) for of in ("h2, h3", "figcaption", ".plot"))
        assert heading is not None
        assert caption is not None
        assert plot is not None
        assert str(heading.text_content()).endswith("?")
        assert len(str(caption.text_content())) > 30
        assert plot.get_attribute("role") == "img"
        assert len(str(plot.get_attribute("aria-label"))) > 20
    assert page.locator("thead th:not([scope^=col])").count() == 0
    assert page.locator("tbody tr").count() == page.locator("tbody th[scope=row]").count()


@pytest.mark.timing
def test_an_hour_opens_in_three_seconds(opener: Opener, hour: Path) -> None:
    """Best of three, from nothing to the first picture; nothing is left out of it, and the first words come at once."""
    took: list[float] = []
    for _ in range(3):
        began = time.perf_counter()
        seen = opener(hour)
        took.append(time.perf_counter() - began)
    assert min(took) < OPENS_WITHIN_S, took
    first_words_ms = seen.page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
    assert first_words_ms < 1000 * OPENS_WITHIN_S / 2
    seen.show_all()
    assert seen.complaints == []


SHOTS: list[tuple[str, int, Theme]] = [
    ("report-light", 1440, "light"),
    ("report-dark", 1440, "dark"),
    ("report-phone", PHONE, "light"),
]


@pytest.mark.parametrize(("name", "width", "theme"), SHOTS)
def test_it_can_be_printed_as_a_picture(
    opener: Opener, reports: dict[str, Path], tmp_path: Path, name: str, width: int, theme: Theme
) -> None:
    """A picture of the whole page; LAKESTORM_SCREENSHOTS names the folder that keeps it, for the docs."""
    folder = Path(os.environ.get("LAKESTORM_SCREENSHOTS") or tmp_path)
    folder.mkdir(parents=True, exist_ok=True)
    run = os.environ.get("LAKESTORM_SCREENSHOTS_OF")
    seen = opener(write_page(Path(run).absolute()) if run else reports["minute"], width=width, theme=theme)
    for plot in seen.page.query_selector_all(".plot"):
        if plot.is_visible():
            plot.scroll_into_view_if_needed()
    seen.page.wait_for_timeout(300)
    seen.page.evaluate("scrollTo(0, 0)")
    seen.page.screenshot(path=folder / f"{name}.png", full_page=True)
    assert (folder / f"{name}.png").stat().st_size > 50_000
