"""Locust's page as a person uses it: a run from its form, watched, stopped, its report opened; logging in and out."""

from __future__ import annotations

import dataclasses
import json
import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from lakestorm.sandbox.service import free_port
from tests.conftest import execute
from tests.integration.locust_process import FLASHSALE, ROOT, LocustProcess, make_shop

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Locator, Page

    from tests.browser.conftest import Opener, Seen, Theme

CONTRAST = Path(__file__).with_name("contrast.js").read_text(encoding="utf-8")
READABLE = 4.5
PHONE = 390
PATIENCE_MS = 60_000
NAME, PASSWORD = "tester", "correct horse battery staple"
COUNTED = ("offered", "started", "completed", "refused", "failed", "late", "skipped", "retried", "cancelled")


@dataclasses.dataclass
class Site:
    """A page that listens."""

    address: str
    locust: LocustProcess

    @property
    def run(self) -> dict[str, Any]:
        """run.json of the last run."""
        path = self.locust.cwd / "results" / "latest" / "run.json"
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return found


@pytest.fixture(scope="module")
def shop(server: dict[str, str]) -> Iterator[dict[str, str]]:
    """A shop with five items."""
    execute(server, "CREATE DATABASE web_page")
    env = {**server, "POSTGRES_DB": "web_page"}
    make_shop(env, items=5)
    yield env
    execute(server, "DROP DATABASE web_page WITH (FORCE)")


def listening(env: dict[str, str], cwd: Path, *arguments: str) -> Iterator[Site]:
    """Locust with a sale, a spike to choose, and a page."""
    port = free_port()
    files = f"{FLASHSALE},{ROOT / 'loadshapes' / 'spike.py'}"
    with LocustProcess("--class-picker", "--web-port", str(port), *arguments, env=env, cwd=cwd, file=files) as locust:
        wait_until_up(port, locust)
        yield Site(f"http://127.0.0.1:{port}", locust)


@pytest.fixture(scope="module")
def site(shop: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Without a login."""
    yield from listening(shop, tmp_path_factory.mktemp("site"))


@pytest.fixture(scope="module")
def closed_site(shop: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """With a login."""
    env = {**shop, "WEB_USERNAME": NAME, "WEB_PASSWORD": PASSWORD}
    yield from listening(env, tmp_path_factory.mktemp("closed"))


def wait_until_up(port: int, locust: LocustProcess) -> None:
    """Until somebody listens: Locust announces its page before its checks are done."""
    until = time.monotonic() + PATIENCE_MS / 1e3
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            assert time.monotonic() < until, locust.output()
            time.sleep(0.1)
        else:
            return


def visit(opener: Opener, address: str, **window: Any) -> Seen:
    """Open a page; returns once it has drawn something that can be pressed."""
    seen = opener.visit(address, **window)
    seen.page.get_by_role("button").first.wait_for(state="attached", timeout=PATIENCE_MS)
    return seen


def field(page: Page, name: str) -> Locator:
    """A field of the form, by its name."""
    return page.locator(f"form [name={name}]")


def run_rows(page: Page) -> dict[str, list[str]]:
    """The tab Run as it is shown: {request: cells behind it}."""
    rows = page.locator("table tbody tr").evaluate_all("all => all.map(r => [...r.cells].map(c => c.textContent))")
    return {cells[0]: [cell.replace("\N{NO-BREAK SPACE}", " ") for cell in cells[1:]] for cells in rows}


def wait_for_verdict(page: Page) -> None:
    """Until the tab Run has it, without a reload."""
    expect(page.locator("tr", has_text="All requests")).to_contain_text("The run is over", timeout=PATIENCE_MS)


def test_a_run_from_the_form_to_its_report(opener: Opener, site: Site) -> None:
    """A shape and a rate chosen in the form, counts that move, a stop, the verdict, the report: all of one run."""
    seen = visit(opener, site.address)
    page = seen.page
    field(page, "shapeClass").select_option("SpikeShape")
    field(page, "userCount").fill("6")
    page.get_by_role("button", name="Advanced options").click()
    field(page, "runTime").fill("10m")
    page.get_by_role("button", name="Custom parameters").click()
    field(page, "purchaseGenEveryMs").fill("50")
    page.get_by_role("button", name="Start", exact=True).click()
    page.get_by_role("tab", name="Run", exact=True).click()
    total = page.locator("tr", has_text="All requests")
    expect(total).to_contain_text("The run goes on.", timeout=PATIENCE_MS)
    page.wait_for_function(
        "() => [...document.querySelectorAll('tr')].some(r => r.cells[0].innerText === 'PG order.buy'"
        " && Number(r.cells[4].innerText) > 20)",
        timeout=PATIENCE_MS,
    )
    page.get_by_role("button", name="Stop").click()
    wait_for_verdict(page)
    expect(page.get_by_role("button", name="New", exact=True)).to_be_visible(timeout=PATIENCE_MS)
    run = site.run
    assert (run["shape"]["name"], run["settings"]["PURCHASE_GEN_EVERY_MS"]) == ("SpikeShape", "50")
    shown = run_rows(page)
    offering = {
        name: spans["total"] for name, spans in run["requests"].items() if spans["total"]["offered"] is not None
    }
    for name, counts in offering.items():
        assert shown[name][1:] == [str(counts[what]) for what in COUNTED]
    sums = [str(sum(counts[what] for counts in offering.values())) for what in COUNTED]
    assert shown["All requests"][1:] == sums
    assert shown["All requests"][0].startswith(run["reasons"][0])
    page.get_by_role("tab", name="Download Data").click()
    page.get_by_role("link", name="Report of the last run").click()
    page.wait_for_url(f"{site.address}/report")
    assert run["reasons"][0].partition(":")[0] in page.locator("h1").inner_text()
    assert run["run_id"] in page.content()
    assert seen.complaints == []


def test_a_wrong_field_is_told_on_the_form(opener: Opener, site: Site) -> None:
    """The sentence stands on the page, the form keeps what was typed, and nothing starts."""
    seen = visit(opener, site.address)
    page = seen.page
    if page.get_by_role("button", name="New", exact=True).is_visible():  # after a run the form is behind a button
        page.get_by_role("button", name="New", exact=True).click()
    page.get_by_role("button", name="Custom parameters").click()
    field(page, "purchaseHotShare").fill("2")
    page.get_by_role("button", name="Start", exact=True).click()
    alert = page.get_by_role("alert").filter(has_text="PURCHASE_HOT_SHARE")
    expect(alert).to_contain_text('PURCHASE_HOT_SHARE is "2": a number ≥ 0, ≤ 1 is wanted.', timeout=PATIENCE_MS)
    assert field(page, "purchaseHotShare").input_value() == "2"
    assert json.loads(page.request.get(f"{site.address}/stats/requests").text())["state"] in ("ready", "stopped")
    assert seen.complaints == []


def tab_to(page: Page, role: str, name: str) -> None:
    """Press Tab until something has the focus."""
    wanted = page.get_by_role(role, name=name, exact=True)  # type: ignore[arg-type] # one of the driver's own words
    for _ in range(80):
        page.keyboard.press("Tab")
        if wanted.evaluate("one => one === document.activeElement"):
            return
    raise AssertionError(f"{name} cannot be reached with the keyboard")


def test_a_run_with_the_keyboard_alone(opener: Opener, site: Site) -> None:
    """Tab and Enter start it, with a rate that was typed; the tab Run and the button Stop are reached the same way."""
    seen = visit(opener, f"{site.address}/")
    page = seen.page
    if page.get_by_role("button", name="New", exact=True).is_visible():
        tab_to(page, "button", "New")
        page.keyboard.press("Enter")
    before = site.run["run_id"] if (site.locust.cwd / "results").exists() else ""
    tab_to(page, "button", "Custom parameters")
    page.keyboard.press("Enter")
    tab_to(page, "textbox", "Purchase Gen Every Ms (milliseconds; 0 = as fast as answers come)")
    page.keyboard.type("40")
    tab_to(page, "button", "Start")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Stop")).to_be_visible(timeout=PATIENCE_MS)
    for _ in range(30):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.getAttribute('role')") == "tab":
            break
    while page.evaluate("document.activeElement.textContent") != "Run":
        page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    total = page.locator("tr", has_text="All requests")
    expect(total).to_contain_text("The run goes on.", timeout=PATIENCE_MS)  # until then the run before is shown
    page.keyboard.press("Home")
    for _ in range(30):
        page.keyboard.press("Shift+Tab")
        if page.evaluate("document.activeElement.textContent") == "Stop":
            break
    page.keyboard.press("Enter")
    wait_for_verdict(page)
    assert site.run["run_id"] != before
    assert site.run["settings"]["PURCHASE_GEN_EVERY_MS"] == "40"
    assert seen.complaints == []


def test_log_in_and_log_out(opener: Opener, closed_site: Site) -> None:
    """A wrong password is told; the right one opens the page, with keys alone; logged out, nothing opens any more."""
    seen = visit(opener, f"{closed_site.address}/pipeline")
    page = seen.page
    assert page.url == f"{closed_site.address}/log-in"
    assert page.evaluate("document.activeElement.id") == "username"
    page.keyboard.type(NAME)
    page.keyboard.press("Tab")
    page.keyboard.type("wrong")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_have_text(
        "That is not the name and password of this page.", timeout=PATIENCE_MS
    )
    assert page.evaluate("document.activeElement.id") == "password"
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Start", exact=True)).to_be_visible(timeout=PATIENCE_MS)
    page.goto(f"{closed_site.address}/pipeline")
    expect(page.locator("#state")).to_have_text("No run has begun yet.", timeout=PATIENCE_MS)
    page.goto(f"{closed_site.address}/log-out")
    page.get_by_role("button", name="Log out").press("Enter")
    page.wait_for_url(f"{closed_site.address}/log-in", timeout=PATIENCE_MS)
    page.goto(closed_site.address)
    assert page.url == f"{closed_site.address}/log-in"
    refused = "the server responded with a status of 401"
    assert [complaint for complaint in seen.complaints if refused not in complaint] == []


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_phone_logs_in(opener: Opener, closed_site: Site, theme: Theme) -> None:
    """Form, start page and logging out are no wider than the phone; every text of ours can be read in both themes."""
    seen = visit(opener, closed_site.address, width=PHONE, height=844, theme=theme)
    page = seen.page
    assert is_narrow(page)
    assert [text for text in page.evaluate(f"({CONTRAST})({READABLE})") if text["wrong"]] == []
    page.get_by_label("Name").fill(NAME)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("button", name="Start", exact=True)).to_be_visible(timeout=PATIENCE_MS)
    page.get_by_role("button", name="Custom parameters").click()
    assert is_narrow(page)
    page.goto(f"{closed_site.address}/log-out")
    assert is_narrow(page)
    assert [text for text in page.evaluate(f"({CONTRAST})({READABLE})") if text["wrong"]] == []
    assert seen.complaints == []


def is_narrow(page: Page) -> bool:
    """Whether nothing stands out of the window at the side."""
    found: bool = page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    return found


def test_a_phone_watches_a_run(opener: Opener, site: Site) -> None:
    """The tab Run scrolls inside its own table, and the page stays as wide as the phone."""
    seen = visit(opener, f"{site.address}/?tab=run", width=PHONE, height=844)
    expect(seen.page.locator("tr", has_text="All requests")).to_be_visible(timeout=PATIENCE_MS)
    assert is_narrow(seen.page)
    assert seen.complaints == []


def test_ten_wrong_passwords(opener: Opener, closed_site: Site) -> None:
    """Then the page says for how long nobody is let in from here, not even with the right one. It is the last test."""
    page = visit(opener, f"{closed_site.address}/log-in").page
    for number in range(11):
        page.get_by_label("Name").fill(NAME)
        page.get_by_label("Password").fill(PASSWORD if number == 10 else f"wrong {number}")
        page.get_by_role("button", name="Log in").click()
        expect(page.get_by_role("alert")).to_contain_text(
            "Too many wrong" if number == 10 else "That is not", timeout=PATIENCE_MS
        )
    assert page.url == f"{closed_site.address}/log-in"
