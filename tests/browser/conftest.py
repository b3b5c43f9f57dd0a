"""What browser tests share: one Chromium for the session, and pages that tell what they asked for and complained of."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import shutil
import signal
from typing import TYPE_CHECKING, Literal

import pytest
from playwright.sync_api import sync_playwright

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page

    Theme = Literal["light", "dark"]

FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--no-first-run",
)  # fmt: skip
NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


PATIENCE_S = 150
"""For one test; the longest takes a tenth of it."""


@contextlib.contextmanager
def ended_after(seconds: float) -> Iterator[None]:
    """Raise TimeoutError in a block that takes longer, and again every ten seconds until it ends."""

    def end(_number: int, _frame: object) -> None:
        raise TimeoutError(f"The browser did not answer within {seconds:g} s.")

    before = signal.signal(signal.SIGALRM, end)
    signal.setitimer(signal.ITIMER_REAL, seconds, 10)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def chromium_path() -> str:
    """LAKESTORM_CHROMIUM, else what is on PATH; fails the test where there is none."""
    found = os.environ.get("LAKESTORM_CHROMIUM") or next((path for name in NAMES if (path := shutil.which(name))), "")
    if not found:
        pytest.fail("No Chromium: run `export LAKESTORM_CHROMIUM=$(scripts/install-chromium)` first.")
    return found


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """One headless Chromium."""
    with sync_playwright() as playwright:
        with ended_after(PATIENCE_S):
            browser = playwright.chromium.launch(executable_path=chromium_path(), args=list(FLAGS))
        yield browser
        with ended_after(PATIENCE_S):
            browser.close()


@pytest.fixture(autouse=True)
def patience(chromium: Browser) -> Iterator[None]:
    """No test waits for ever for a browser that died: `evaluate` and `close` have no time limit of their own."""
    with ended_after(PATIENCE_S):
        yield


@dataclasses.dataclass
class Seen:
    """A page with everything that it asked for and complained of."""

    page: Page
    requests: list[str] = dataclasses.field(default_factory=list)
    complaints: list[str] = dataclasses.field(default_factory=list)

    def show_all(self) -> None:
        """Open what is folded, scroll by every picture and wait until it is drawn, then go back to the top."""
        self.page.eval_on_selector_all("details", "all => all.forEach(one => { one.open = true; })")
        for plot in self.page.query_selector_all(".plot"):
            plot.scroll_into_view_if_needed()
        self.page.wait_for_function("() => !document.querySelector('.plot:not([data-drawn])')")
        self.page.evaluate("scrollTo(0, 0)")


class Opener:
    """Opens files in pages of their own."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._pages: list[Page] = []

    def __call__(self, path: Path, *, width: int = 1440, height: int = 900, theme: Theme = "light") -> Seen:
        """A file, as a person with this window and theme sees it; returns once the first picture is drawn."""
        seen = self.visit(path.as_uri(), width=width, height=height, theme=theme)
        seen.page.wait_for_selector(".plot[data-drawn]")
        return seen

    def visit(self, address: str, *, width: int = 1440, height: int = 900, theme: Theme = "light") -> Seen:
        """Any address, once it is loaded."""
        page = self._browser.new_page(viewport={"width": width, "height": height}, color_scheme=theme)
        self._pages.append(page)
        seen = Seen(page)
        page.on("request", lambda request: seen.requests.append(request.url))
        page.on("console", lambda message: seen.complaints.append(message.text))
        page.on("pageerror", lambda error: seen.complaints.append(str(error)))
        page.goto(address)
        return seen

    def close(self) -> None:
        """Close all pages."""
        for page in self._pages:
            page.close()


@pytest.fixture
def opener(chromium: Browser) -> Iterator[Opener]:
    """Opens files; its pages end with the test."""
    found = Opener(chromium)
    yield found
    found.close()
