"""Locust's web page as a person uses it: users ramped by hand, stopped by hand, results as in a headless run."""

from __future__ import annotations

import concurrent.futures
import http.client
import json
import time
import urllib.error
import urllib.parse
import urllib.request
from signal import SIGINT
from typing import TYPE_CHECKING, Any

import psutil

from lakestorm.sandbox.service import free_port
from tests.integration.locust_process import BOOKS_ALONE, LocustProcess, make_shop, rows

if TYPE_CHECKING:
    from pathlib import Path

SOUND = (0, 4)
"""Passed, or the machine was too busy for its times to count."""


class Page:
    """The page's own requests."""

    def __init__(self, port: int) -> None:
        self._base = f"http://127.0.0.1:{port}"

    def get(self, path: str, form: dict[str, Any] | None = None) -> str:
        """GET, or POST a form."""
        data = urllib.parse.urlencode(form).encode() if form is not None else None
        with urllib.request.urlopen(self._base + path, data, timeout=10) as answer:  # noqa: S310 - ours, on loopback
            text: str = answer.read().decode()
            return text

    def state(self) -> str:
        """Locust's state, as its page polls it."""
        return str(json.loads(self.get("/stats/requests"))["state"])

    def wait_until_up(self, limit_s: float = 60) -> None:
        """Wait until the page answers: Locust announces it before its checks are done."""
        until = time.monotonic() + limit_s
        while True:
            try:
                assert "<title>Locust</title>" in self.get("/")
            except urllib.error.URLError:
                assert time.monotonic() < until, "the page does not come up"
                time.sleep(0.1)
            else:
                return

    def wait_for(self, state: str, limit_s: float = 30) -> None:
        """Wait for a state."""
        until = time.monotonic() + limit_s
        while self.state() != state:
            assert time.monotonic() < until, f"{state} was not reached, but {self.state()}"
            time.sleep(0.2)


def test_two_runs_from_the_web_page(database: dict[str, str], tmp_path: Path) -> None:
    """Start, add users, stop, start again: two folders, each balanced; the page listens on loopback alone."""
    make_shop(database, items=50)
    port = free_port()
    with LocustProcess("--web-port", str(port), env={**database, **BOOKS_ALONE}, cwd=tmp_path) as locust:
        page = Page(port)
        page.wait_until_up()
        listening = [c.laddr for c in psutil.Process(locust.process.pid).net_connections() if c.status == "LISTEN"]
        assert [(a.ip, a.port) for a in listening] == [("127.0.0.1", port)]
        counts = []
        for users in (5, 8):
            before = rows(database, "SELECT count(*) FROM purchases")[0][0]
            page.get("/swarm", {"user_count": users, "spawn_rate": users})
            page.wait_for("running")
            locust.wait_for_buys(database, before + 50)
            page.get("/swarm", {"user_count": users + 5, "spawn_rate": 10})
            locust.wait_for_buys(database, before + 150)
            page.get("/stop", {})
            page.wait_for("stopped")
            counts.append(rows(database, "SELECT count(*) FROM purchases")[0][0] - before)
        locust.wait_for("verdict: ")
        locust.signal(SIGINT)
        done = locust.wait()
    assert done.code in SOUND, done.output
    folders = sorted(p for p in (tmp_path / "results").iterdir() if p.is_dir() and not p.is_symlink())
    runs = [json.loads((folder / "run.json").read_text()) for folder in folders]
    assert [run["requests"]["PG order.buy"]["total"]["completed"] for run in runs] == counts
    assert [(run["ledger"]["state"], run["complete"], run["users_peak"]) for run in runs] == [
        ("closed", True, 10),
        ("closed", True, 13),
    ]


def test_a_run_that_cannot_begin_is_refused_on_the_page(own_postgres: Any, tmp_path: Path) -> None:
    """The database goes away between two runs: the second is refused with a sentence, and the page lives on."""
    make_shop(own_postgres.env, items=5)
    port = free_port()
    with LocustProcess("--web-port", str(port), env=own_postgres.env, cwd=tmp_path) as locust:
        page = Page(port)
        page.wait_until_up()
        own_postgres.kill()
        page.get("/swarm", {"user_count": 3, "spawn_rate": 3})
        page.wait_for("stopped")
        locust.wait_for("cannot be used")
        own_postgres.start()
        page.get("/swarm", {"user_count": 3, "spawn_rate": 3})
        locust.wait_for_buys(own_postgres.env, 20)
        page.get("/stop", {})
        page.wait_for("stopped")
        locust.signal(SIGINT)
        done = locust.wait()
    assert done.code in SOUND, done.output
    assert "Traceback" not in done.output


def test_ctrl_c_while_the_page_answers(database: dict[str, str], tmp_path: Path) -> None:
    """Ctrl-C reaches Locust, not the answer that happens to be written: no traceback, however busy the page is."""
    make_shop(database, items=5)
    port = free_port()
    with LocustProcess("--web-port", str(port), env=database, cwd=tmp_path) as locust:
        page = Page(port)
        page.wait_until_up()
        with concurrent.futures.ThreadPoolExecutor(4) as visitors:
            visits = [visitors.submit(visit_until_gone, page) for _ in range(4)]
            time.sleep(0.5)
            locust.signal(SIGINT)
            done = locust.wait()
        assert min(visit.result() for visit in visits) > 0
    assert done.sound_code == 0, done.output
    assert "Traceback" not in done.output


def visit_until_gone(page: Page) -> int:
    """Ask for the page until nobody answers; how often somebody did."""
    visits = 0
    while True:
        try:
            page.get("/")
        except (OSError, http.client.HTTPException):
            return visits
        visits += 1
