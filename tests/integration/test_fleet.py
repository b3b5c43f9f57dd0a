"""A master with a page and a fleet behind it: runs from the form, and workers that cannot begin."""

from __future__ import annotations

import dataclasses
import json
import time
from signal import SIGINT, SIGKILL, SIGTERM
from typing import TYPE_CHECKING, Any

import pytest

from lakestorm.sandbox.service import free_port
from tests.conftest import execute
from tests.integration.locust_process import BOOKS_ALONE, FLASHSALE, LocustProcess, make_shop, rows
from tests.integration.test_web import SOUND, Page

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from signal import Signals

COUNT = "SELECT count(*) FROM purchases"
LIGHT = {"PURCHASE_GEN_EVERY_MS": "50", "POSTGRES_POOL_SIZE": "4", "FLASHSALE_STOCK": "100000", **BOOKS_ALONE}
FAULTY = """
from pathlib import Path

import gevent

from lakestorm.load.session import install


class Faulty:
    name = "faulty"

    def vocabulary(self):
        return {}

    def check(self, settings):
        return {}

    def begin(self, context):
        Path("began").touch()
        BEGIN


install(Faulty())
"""
"""A scenario of one worker alone: the master and the others get ready without it."""
SLEEPS = "gevent.sleep(600)"


@dataclasses.dataclass(frozen=True)
class Fleet:
    """A master with a page, its two workers, and the port on which it takes more of them."""

    master: LocustProcess
    workers: tuple[LocustProcess, LocustProcess]
    page: Page
    port: str
    env: dict[str, str]

    def join(self, folder: Path, file: Path | str = FLASHSALE) -> LocustProcess:
        """One more worker, in a folder of its own."""
        folder.mkdir(exist_ok=True)
        return LocustProcess(*worker_of(self.port), env={**self.env, **LIGHT}, cwd=folder, file=file)

    def state(self) -> str:
        """What the page says of the run."""
        return str(json.loads(self.page.get("/pipeline/series"))["state"])

    def wait_for_state(self, start: str, limit_s: float = 40) -> str:
        """Wait until the page's sentence on the run begins so; all of it."""
        until = time.monotonic() + limit_s
        while not self.state().startswith(start):
            assert time.monotonic() < until, f"{start!r} was not reached, but {self.state()!r}\n{self.master.output()}"
            time.sleep(0.1)
        return self.state()

    def wait_for_workers(self, count: int, limit_s: float = 40) -> None:
        """Wait until so many workers are there for a run."""
        until = time.monotonic() + limit_s
        while (found := self.workers_there()) != count:
            assert time.monotonic() < until, f"{count} workers were not reached, but {found}\n{self.master.output()}"
            time.sleep(0.1)

    def workers_there(self) -> int:
        """Workers that Locust counts."""
        return int(json.loads(self.page.get("/worker-count"))["worker_count"])

    def start(self, **fields: Any) -> str:
        """Send the start form; what the page shows."""
        form = {"user_count": 6, "spawn_rate": 6, **fields}
        return str(json.loads(self.page.get("/swarm", form))["message"])

    def run_of_buys(self, count: int, **fields: Any) -> None:
        """A whole run from the form, stopped by hand once so many more lines stand in the table."""
        before = rows(self.env, COUNT)[0][0]
        told = self.start(**fields)
        assert told == "Swarming started", told
        self.master.wait_for_buys(self.env, before + count, 40)
        self.page.get("/stop", {})
        self.wait_for_state("The run is over")

    def runs(self) -> list[dict[str, Any]]:
        """run.json of every run, in their order."""
        folders = sorted(p for p in (self.master.cwd / "results").iterdir() if not p.is_symlink())
        return [json.loads((folder / "run.json").read_text()) for folder in folders]


def worker_of(port: str) -> tuple[str, ...]:
    """Arguments of a worker for the master on this port."""
    return ("--worker", "--master-host", "127.0.0.1", "--master-port", port)


@pytest.fixture(scope="module")
def fleet(server: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """One fleet for all tests here; each leaves it as it found it."""
    execute(server, "CREATE DATABASE fleet")
    env = {**server, "POSTGRES_DB": "fleet"}
    make_shop(env, items=20)
    port, web_port = str(free_port()), free_port()
    folders = [tmp_path_factory.mktemp(name) for name in ("master", "one", "two")]
    bind = ("--master-bind-host", "127.0.0.1", "--master-bind-port", port)
    given = {**env, **LIGHT}
    with (
        LocustProcess("--master", *bind, "--web-port", str(web_port), env=given, cwd=folders[0]) as master,
        LocustProcess(*worker_of(port), env=given, cwd=folders[1]) as one,
        LocustProcess(*worker_of(port), env=given, cwd=folders[2]) as two,
    ):
        page = Page(web_port)
        page.wait_until_up()
        yield Fleet(master, (one, two), page, port, env)
        master.signal(SIGINT)
        ended = [process.wait() for process in (master, one, two)]
    execute(server, "DROP DATABASE fleet WITH (FORCE)")
    assert ended[0].code in SOUND, ended[0].output
    assert [worker.code for worker in ended[1:]] == [0, 0], ended[1].output
    assert all("Traceback" not in process.output for process in ended)


def test_two_runs_from_the_form(fleet: Fleet) -> None:
    """Start, stop, and at once the next with another field: two folders, each with both workers and closed books."""
    fleet.wait_for_workers(2)
    bought = []
    for every_ms in (50, 25):
        before = rows(fleet.env, COUNT)[0][0]
        fleet.run_of_buys(150, purchase_gen_every_ms=every_ms)
        bought.append(rows(fleet.env, COUNT)[0][0] - before)
    runs = fleet.runs()
    buys = [run["requests"]["PG order.buy"]["total"] for run in runs]
    assert [of["completed"] for of in buys] == bought
    assert [run["ledger"]["state"] for run in runs] == ["closed", "closed"]
    assert [run["settings"]["PURCHASE_GEN_EVERY_MS"] for run in runs] == ["50", "25"]
    drained = [(1, "drained"), (2, "drained")]
    assert [[(w["process"], w["state"]) for w in run["instrument"]["workers"]] for run in runs] == [drained, drained]
    assert [run["stopped_by"] for run in runs] == ["user", "user"]
    shown = next(row for row in json.loads(fleet.page.get("/stats/requests"))["stats"] if row["name"] == "order.buy")
    assert shown["num_requests"] == buys[1]["completed"]


@pytest.mark.parametrize(
    ("begin", "end", "told", "code"),
    [
        ("1 / 0", None, ": ZeroDivisionError: division by zero. This is a bug; its traceback", 1),
        (SLEEPS, SIGTERM, ": It was told to end while it got ready.", 0),
        (SLEEPS, SIGKILL, ": it has not been heard of for 10 s, and the run has not begun.", -9),
    ],
    ids=["bug", "told to end", "killed"],
)
def test_a_worker_that_does_not_get_ready(
    fleet: Fleet, tmp_path: Path, begin: str, end: Signals | None, told: str, code: int
) -> None:
    """The run is refused with a sentence on that worker, soon; and the next one, without it, goes well."""
    file = tmp_path / "faulty_worker.py"
    file.write_text(FAULTY.replace("BEGIN", begin))
    fleet.wait_for_workers(2)
    before = len(fleet.runs()) if (fleet.master.cwd / "results").exists() else 0
    with fleet.join(tmp_path / "third", f"{FLASHSALE},{file}") as third:
        fleet.wait_for_workers(3)
        fleet.start()
        if end is not None:
            wait_for_file(tmp_path / "third" / "began")
            assert fleet.state() == "The run is being prepared."
            third.signal(end)
        sentence = fleet.wait_for_state("The run was refused. A worker cannot begin. Worker ")
        assert f"process {third.process.pid}){told}" in sentence
        if end is None:
            third.signal(SIGTERM)
        ended = third.wait()
    assert ended.code == code, ended.output
    assert ("ZeroDivisionError: division by zero" in ended.output) == (end is None)
    fleet.wait_for_workers(2)
    fleet.run_of_buys(30)
    assert len(fleet.runs()) == before + 1
    assert fleet.runs()[-1]["ledger"]["state"] == "closed"


def wait_for_file(file: Path, limit_s: float = 30) -> None:
    """Wait until it is there."""
    until = time.monotonic() + limit_s
    while not file.exists():
        assert time.monotonic() < until, f"{file} did not come"
        time.sleep(0.05)
