"""Tab and page of the pipeline in a real browser, during a sale on a real PostgreSQL whose probes are on."""

from __future__ import annotations

import dataclasses
import secrets
import urllib.request
from pathlib import Path
from signal import SIGKILL
from typing import TYPE_CHECKING, Any

import pytest

from lakestorm.sandbox.service import free_port
from tests.conftest import execute
from tests.integration.locust_process import LocustProcess, make_shop, rows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Page

    from tests.browser.conftest import Opener, Theme

CONTRAST = Path(__file__).with_name("contrast.js").read_text(encoding="utf-8")
READABLE = 4.5
PHONE = 390
PATIENCE_MS = 60_000
MOVING = (
    "rates offered", "rates completed", "stock units left", "log log written", "commits commits",
    "slot log not confirmed",
)  # fmt: skip
POINTS = """() => Object.fromEntries([...document.querySelectorAll("#charts figure")].flatMap((figure) => {
  const names = [...figure.querySelectorAll(".now li")].map((item) => item.childNodes[1].textContent.trim());
  const paths = [...figure.querySelectorAll("path")];
  return paths.map((path, i) => [`${figure.dataset.chart} ${names[i]}`, path.getAttribute("d")]);
}))"""
"""{chart and label: the curve as it is drawn}."""


@dataclasses.dataclass
class Sale:
    """A sale that goes on."""

    address: str
    locust: LocustProcess


@pytest.fixture(scope="module")
def sale(server: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sale]:
    """Ten shoppers on a shop with a replication slot that nobody reads, for as long as the tests take."""
    name = f"live_{secrets.token_hex(6)}"
    execute(server, f"CREATE DATABASE {name}")
    env = {**server, "POSTGRES_DB": name, "REPLICATION_SLOT": name, "PROBE_EVERY_S": "0.5", "DRAIN_LIMIT_S": "0"}
    make_shop(env, items=50)
    rows(env, f"SELECT pg_create_logical_replication_slot('{name}', 'pgoutput')")
    port, cwd = free_port(), tmp_path_factory.mktemp("sale")
    arguments = ("--web-port", str(port), "--autostart", "-u", "10", "-r", "10", "-t", "10m")
    with LocustProcess(*arguments, env=env, cwd=cwd) as locust:
        locust.wait_for_buys(env, 20, limit_s=60)
        yield Sale(f"http://127.0.0.1:{port}", locust)
    rows(server, f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
    rows(env, f"SELECT pg_drop_replication_slot('{name}')")
    execute(server, f"DROP DATABASE {name} WITH (FORCE)")


def wait_for_curves(page: Page) -> None:
    """Until everything that shall move is there."""
    page.wait_for_function(
        f"(wanted) => {{ const there = ({POINTS})(); return wanted.every((name) => there[name]?.includes('L')); }}",
        arg=list(MOVING),
        timeout=PATIENCE_MS,
    )


def foreign(requests: list[str], sale: Sale) -> list[str]:
    """Requests that left the page's own origin."""
    return [url for url in requests if not url.startswith((f"{sale.address}/", "data:", "blob:"))]


def test_curves_move_without_a_reload(opener: Opener, sale: Sale) -> None:
    """Six of them, each second, on one page; nothing is asked elsewhere, nothing is complained of."""
    seen = opener.visit(f"{sale.address}/pipeline")
    wait_for_curves(seen.page)
    seen.page.evaluate("window.same = 'page'")
    before = seen.page.evaluate(POINTS)
    for name in MOVING:
        seen.page.wait_for_function(
            f"([name, old]) => ({POINTS})()[name] !== old", arg=[name, before[name]], timeout=PATIENCE_MS
        )
    first = len(seen.requests)
    seen.page.wait_for_function(
        "(since) => performance.getEntriesByType('resource').length >= since", arg=first + 3, timeout=PATIENCE_MS
    )
    assert seen.page.evaluate("window.same") == "page"
    assert seen.complaints == []
    assert foreign(seen.requests, sale) == []
    paths = {url.removeprefix(sale.address).partition("?")[0] for url in seen.requests if url.startswith("http")}
    assert paths == {"/pipeline", "/pipeline/series"}


def test_the_page_says_what_it_shows(opener: Opener, sale: Sale) -> None:
    """The run and its state, every chart's values as a text, every reading in the table, none in trouble."""
    page = opener.visit(f"{sale.address}/pipeline").page
    wait_for_curves(page)
    assert page.locator("#state").inner_text().startswith("flashsale, started at ")
    assert page.locator("#state").inner_text().endswith("The run goes on.")
    for label in page.locator("#charts svg").evaluate_all("all => all.map(one => one.getAttribute('aria-label'))"):
        assert label.startswith("Over time, in ")
    names = page.locator("#readings tbody td:last-child").all_inner_texts()
    assert {"stock.left", "wal.bytes_per_s", "replication_slot.active"} < set(names)
    states = dict(zip(names, page.locator("#readings tbody td:nth-last-child(2)").all_inner_texts(), strict=True))
    assert set(states.values()) == {"ok"}


def test_pointing_shows_values_of_one_moment_everywhere(opener: Opener, sale: Sale) -> None:
    """One cursor in all charts, at the same second."""
    page = opener.visit(f"{sale.address}/pipeline").page
    wait_for_curves(page)
    page.locator("#charts svg").first.hover(position={"x": 80, "y": 60})
    lines = page.locator("#charts svg .cursor")
    assert lines.count() == page.locator("#charts svg").count()
    places = lines.evaluate_all("all => all.map(one => Number(one.getAttribute('x1')))")
    assert max(places) - min(places) < 1
    assert "At " in str(page.locator("#charts svg").last.get_attribute("aria-label"))


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_phone_reads_it_in_both_themes(opener: Opener, sale: Sale, theme: Theme) -> None:
    """No wider than 390 pixels, charts inside, and every text readable against what is behind it."""
    seen = opener.visit(f"{sale.address}/pipeline", width=PHONE, height=844, theme=theme)
    wait_for_curves(seen.page)
    assert seen.page.evaluate("document.documentElement.scrollWidth - innerWidth") == 0
    widths = seen.page.locator("#charts svg").evaluate_all("all => all.map(one => one.getBoundingClientRect().right)")
    assert max(widths) <= PHONE
    found: list[dict[str, Any]] = seen.page.evaluate(f"({CONTRAST})({READABLE})")
    assert len(found) > 30
    assert [text for text in found if text["wrong"]] == []
    assert seen.complaints == []


def test_locusts_page_has_the_tab(opener: Opener, sale: Sale) -> None:
    """A row a reading, which moves; among the downloads a link to the page."""
    seen = opener.visit(f"{sale.address}/?tab=pipeline")
    row = seen.page.locator("tr", has_text="stock.left")
    row.wait_for(timeout=PATIENCE_MS)
    cells = row.locator("td").all_inner_texts()
    assert cells[0] == "units left"
    assert (cells[4], cells[5]) == ("units", "ok")
    seen.page.wait_for_function(
        "(old) => [...document.querySelectorAll('tr')].some((row) => row.innerText.includes('stock.left')"
        " && row.cells[1].innerText !== old)",
        arg=cells[1],
        timeout=PATIENCE_MS,
    )
    seen.page.get_by_role("tab", name="Download Data").click()
    assert seen.page.get_by_role("link", name="Pipeline, live").get_attribute("href") == "/pipeline"
    assert seen.complaints == []
    assert foreign(seen.requests, sale) == []


def test_prometheus_reads_the_run(sale: Sale) -> None:
    """Counts, lateness and probes of the run that goes on."""
    with urllib.request.urlopen(f"{sale.address}/metrics", timeout=30) as answer:  # noqa: S310 - ours, on loopback
        lines = answer.read().decode().splitlines()
    values = {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines if line[0] != "#")}
    assert values['lakestorm_requests_total{name="PG order.buy",outcome="completed"}'] >= 20
    assert values['lakestorm_slip_seconds_count{name="PG order.buy"}'] >= 20
    assert values['lakestorm_probe{name="active",probe="replication_slot",unit="1 yes, 0 no"}'] == 0
    assert values["lakestorm_users"] == 10


def test_a_locust_that_is_gone_is_told(opener: Opener, sale: Sale) -> None:
    """The page keeps what it knows and says for how long nobody has answered; the last test, since it ends the sale."""
    page = opener.visit(f"{sale.address}/pipeline").page
    wait_for_curves(page)
    sale.locust.signal(SIGKILL)
    sale.locust.process.wait()
    page.wait_for_function(
        "() => document.getElementById('state').textContent.startsWith('Locust has not answered for ')",
        timeout=PATIENCE_MS,
    )
    assert page.locator("#charts path").count() >= len(MOVING)
