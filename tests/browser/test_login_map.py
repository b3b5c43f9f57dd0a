"""The report's map of logins in a real browser: land, cities and journeys, and nobody is asked for anything."""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING, Any

import pytest

from lakestorm.record.login_places import places_csv
from lakestorm.report.page import write_page
from tests.browser.test_report import CONTRAST, PHONE, READABLE, too_wide
from tests.made_folders import Story, made_folder
from tests.unit.made_logins import geography

if TYPE_CHECKING:
    from pathlib import Path

    from tests.browser.conftest import Opener, Theme

CITIES, TRAVELS = 300, 12
LABEL = ("user_id", "timestamp", "kind", "distance_km", "speed_kmh", "scored")
WAY = ("from_city", "from_lat", "from_lon", "city", "lat", "lon")


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of a made run with logins of 300 cities and twelve impossible journeys."""
    folder = made_folder(tmp_path_factory.mktemp("map"), Story(seconds=12))
    cities = geography().cities
    (folder / "login_places.csv").write_text(places_csv({city: 3000 // (1 + city.index) for city in cities[:CITIES]}))
    with (folder / "labels.csv").open("w", newline="") as out:
        writer = csv.writer(out)
        writer.writerow((*LABEL, *WAY))
        for a, b in zip(cities[:TRAVELS], cities[40:], strict=False):
            way = (a.name, a.lat, a.lon, b.name, b.lat, b.lon)
            writer.writerow((a.index, "2026-09-21T14:13:25.000Z", "impossible_travel", 5000, 9000, "True", *way))
    clock = {"history_ms": 0, "origin_ms": 1_790_000_000_000, "scale": 1.0, "run_s": 12.0}
    (folder / "logins.json").write_text(json.dumps({"timeline": clock}))
    return write_page(folder)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, PHONE])
def test_the_map_is_drawn_and_asks_nobody(opener: Opener, report: Path, width: int, theme: Theme) -> None:
    """One request, the file itself; land, a dot for each city and each odd login; it fits; all its text can be read."""
    seen = opener(report, width=width, theme=theme)
    seen.show_all()
    assert seen.requests == [report.as_uri()]
    assert seen.complaints == []
    assert too_wide(seen) == 0
    page = seen.page
    assert page.locator("#login-map .js-fill").count() == 1
    assert page.locator("#login-map .point").count() == CITIES + TRAVELS
    fill = page.evaluate("getComputedStyle(document.querySelector('#login-map .js-fill')).fill")
    assert colours(fill) != paper(page), "land can be told from water"
    texts = page.evaluate(f"({CONTRAST})({READABLE})")
    assert [text for text in texts if text["wrong"]] == []


def colours(text: str) -> list[int]:
    """`rgb(1, 2, 3)` as numbers."""
    return [int(float(part)) for part in text.partition("(")[2].rstrip(")").split(",")[:3]]


def paper(page: Any) -> list[int]:
    """The page's own colour."""
    return colours(page.evaluate("getComputedStyle(document.body).backgroundColor"))


def test_dots_shrink_with_the_map(opener: Opener, report: Path) -> None:
    """The largest city covers the same share of the map on a phone, about."""
    shares = []
    for width in (1440, PHONE):
        seen = opener(report, width=width)
        seen.show_all()
        shares.append(
            seen.page.evaluate(
                "(() => { const map = document.querySelector('#login-map');"
                " const dots = [...map.querySelectorAll('.point')].map(dot => dot.getBoundingClientRect().width);"
                " return Math.max(...dots) / map.clientWidth; })()"
            )
        )
    assert shares[0] == pytest.approx(shares[1], rel=0.25)
