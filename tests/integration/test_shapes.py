"""Load shapes as a user runs them: with the flash sale, from the command line and the page, alone and with workers."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import json
import os
import secrets
import subprocess
import sys
from pathlib import Path
from signal import SIGINT
from typing import TYPE_CHECKING, Any

import pytest

from lakestorm.sandbox.service import free_port
from tests.conftest import execute
from tests.integration.locust_process import FLASHSALE, ROOT, Finished, LocustProcess, make_shop, run_locust
from tests.integration.test_web import Page

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SHAPES = sorted(file.stem for file in (ROOT / "loadshapes").glob("*.py"))
RUN_TIME_S = 12
USERS = 20
AT_ONCE = 3
LIGHT = {"PURCHASE_GEN_EVERY_MS": "500", "PURCHASE_MIX": "buy:1"}
LATE_S = 0.4
"""How much later than its second a tick may come, and a user that was told to stop may go, on a busy machine."""

SAMPLER = """

import gevent
from locust import events
from locust.runners import WorkerRunner


@events.test_start.add_listener
def watch(environment, **kwargs):
    def sample():
        with open("users.csv", "w") as file:
            while True:
                shape = environment.shape_class
                print(shape.get_run_time(), environment.runner.user_count, sep=",", file=file, flush=True)
                gevent.sleep(0.1)
    if not isinstance(environment.runner, WorkerRunner):
        watcher = gevent.spawn(sample)
        events.test_stopping.add_listener(lambda **kwargs: watcher.kill())
"""

IDLER = """
from locust import User, constant, task


class IdleUser(User):
    wait_time = constant(1)

    @task
    def rest(self):
        pass
"""

OWN_SHAPE = """
from lakestorm.load.shape import ProfileShape
from lakestorm.model.profiles import Steady


class OwnShape(ProfileShape):
    profile = Steady()
    users = 7
    run_time_s = 3
"""


def shape_file(name: str) -> Path:
    """The file of a shape."""
    return ROOT / "loadshapes" / f"{name}.py"


def together(*files: Path) -> Path:
    """Several files, as -f takes them."""
    return Path(",".join(map(str, files)))


def wanted(name: str, run_time_s: int) -> list[tuple[float, int]]:
    """(second, users) that a shape promises, as `lakestorm shapes --json` tells."""
    command = [
        sys.executable,
        "-m",
        "lakestorm.cli",
        "shapes",
        name,
        "-u",
        str(USERS),
        "-t",
        f"{run_time_s}s",
        "--json",
    ]
    answer = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    return [(at, users) for at, users in json.loads(answer.stdout)[0]["users"]]


def sampled(folder: Path) -> list[tuple[float, int]]:
    """(second, users) that Locust reported."""
    pairs = (line.split(",") for line in (folder / "users.csv").read_text().splitlines())
    return [(float(at), int(users)) for at, users in pairs]


def strays(samples: list[tuple[float, int]], plan: list[tuple[float, int]], late_s: float) -> list[Any]:
    """Samples that the plan did not ask for at any time from a tick (and a bit) before them until then."""
    found = []
    for at, users in samples:
        near = [n for s, n in plan if at - 1 - late_s <= s <= at + 0.1] or [plan[-1][1]]
        near += [0] if at < late_s else []  # nobody was there before the start
        if not min(near) <= users <= max(near):
            found.append((at, users, min(near), max(near)))
    return found


def is_sound(done: Finished) -> bool:
    """Whether it passed, or only the machine was too busy for its latencies to count: users are looked at here."""
    return done.sound_code == 0


@dataclasses.dataclass(frozen=True)
class ShapedRun:
    """A finished sale and what was seen of its users."""

    done: Finished
    users: list[tuple[float, int]]


def run_shape(name: str, folder: Path, env: Mapping[str, str]) -> ShapedRun:
    """A sale with a shape, on a database of its own."""
    folder.mkdir()
    own = {**env, "POSTGRES_DB": f"shape_{secrets.token_hex(6)}"}
    execute(env, f"CREATE DATABASE {own['POSTGRES_DB']}")
    make_shop(own, items=50, stock=100_000)
    sale = folder / "watched_sale.py"
    sale.write_text(FLASHSALE.read_text() + SAMPLER)
    options = ("-u", str(USERS), "-t", f"{RUN_TIME_S}s")
    done = run_locust(*options, env={**own, **LIGHT}, cwd=folder, file=together(sale, shape_file(name)))
    execute(env, f"DROP DATABASE {own['POSTGRES_DB']} WITH (FORCE)")
    return ShapedRun(done, sampled(folder))


@pytest.fixture(scope="module")
def runs(
    server: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, concurrent.futures.Future[ShapedRun]]]:
    """A run of each shape, a few at a time."""
    folder = tmp_path_factory.mktemp("shapes")
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        yield {name: pool.submit(run_shape, name, folder / name, server) for name in SHAPES}


@pytest.mark.parametrize("name", SHAPES)
def test_users_follow_the_shape(runs: dict[str, concurrent.futures.Future[ShapedRun]], name: str) -> None:
    """Headless with -u 20 -t 12s: the sale passes, and Locust's users are the profile's, within one tick."""
    run = runs[name].result()
    assert is_sound(run.done), run.done.output
    assert "Traceback" not in run.done.output
    assert strays(run.users, wanted(name, RUN_TIME_S), LATE_S) == []
    assert run.users[-1][0] == pytest.approx(RUN_TIME_S + 0.5, abs=0.5 + LATE_S)
    shape = run.done.run["shape"]
    assert (shape["peak_users"], shape["run_time_s"]) == (USERS, RUN_TIME_S)
    assert run.done.run["doors_open_s"] == (RUN_TIME_S / 4 if name == "flash_sale_spike" else 0)


def test_a_distributed_run_misses_no_stage(tmp_path: Path) -> None:
    """With two workers the master sees every level of the steps, though its ticks come late."""
    (tmp_path / "idlers.py").write_text(IDLER + SAMPLER)
    port = str(free_port())
    done = run_locust(
        *("-u", str(USERS), "-t", "12s", "--processes", "2", "--master-bind-port", port, "--master-port", port),
        env={},
        cwd=tmp_path,
        file=together(tmp_path / "idlers.py", shape_file("steps")),
    )
    assert done.sound_code == 0, done.output
    users = sampled(tmp_path)
    assert {4, 8, 12, 16, 20} <= {n for _, n in users}
    assert strays(users, wanted("steps", 12), late_s=1.0 + LATE_S) == []


def test_without_options_the_shape_has_its_own(database: dict[str, str], tmp_path: Path) -> None:
    """Without -u and -t, headless, peak and run time are the shape's own, not Locust's single user for ever."""
    make_shop(database, items=10)
    (tmp_path / "own_shape.py").write_text(OWN_SHAPE)
    done = run_locust(env={**database, **LIGHT}, cwd=tmp_path, file=together(FLASHSALE, tmp_path / "own_shape.py"))
    assert is_sound(done), done.output
    assert (done.run["shape"]["peak_users"], done.run["shape"]["run_time_s"], done.run["users_peak"]) == (7, 3, 7)


@pytest.mark.parametrize(
    ("name", "options", "env", "code", "told"),
    [
        ("steady", ("-u", "0", "-t", "5s"), {}, 2, "users (-u) are 0; a whole number ≥ 1 is wanted"),
        ("steady", ("-u", "5", "-t", "0"), {}, 2, "the run time (-t) is 0 s; at least 2 s are wanted"),
        ("waves", ("-u", "5", "-t", "11s"), {}, 2, "the run time (-t) is 11 s; at least 12 s are wanted"),
        ("spike", ("-u", "20", "-t", "10s", "-r", "17"), {}, 2, "the spawn rate (-r) is 17; leave it out"),
        ("replay", ("-u", "5", "-t", "5s"), {"REPLAY_FILE": "gone.csv"}, 5, "REPLAY_FILE, gone.csv: No such file"),
    ],
)
def test_what_cannot_be_run_is_refused(
    tmp_path: Path, name: str, options: tuple[str, ...], env: dict[str, str], code: int, told: str
) -> None:
    """Wrong numbers end Locust before any load, with one sentence that says what is wanted."""
    done = run_locust(*options, env=env, cwd=tmp_path, file=together(FLASHSALE, shape_file(name)))
    assert done.code == code, done.output
    assert told in done.output
    assert "Traceback" not in done.output
    assert not (tmp_path / "results").exists()


def shapes_verb(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """`lakestorm shapes …`."""
    command = [sys.executable, "-m", "lakestorm.cli", "shapes", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder, env=environment)


def test_the_verb_lists_draws_and_writes(tmp_path: Path) -> None:
    """Without a name all shapes, from whatever folder, in 80 columns; with a name, and as a page, the one."""
    every = shapes_verb(folder=tmp_path)
    assert every.returncode == 0, every.stderr
    assert [line.partition(":")[0] for line in every.stdout.splitlines() if ": up to " in line] == SHAPES
    assert max(map(len, every.stdout.splitlines())) <= 80
    one = shapes_verb("flash_sale_spike", "-u", "1234", "-t", "1h", "--html", "page.html", folder=tmp_path)
    assert (one.returncode, one.stdout, one.stderr) == (0, "", "The page is page.html.\n")
    page = (tmp_path / "page.html").read_text()
    assert "1\u2009234 users" in page
    assert "doors open at 15 m" in page


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("wavs",), "There is no load shape wavs. Did you mean waves?"),
        (("steady", "-t", "soon"), 'The run time (-t) is "soon"; 20, 20s, 3m'),
        (("spike", "-u", "0", "-t", "3s"), "SpikeShape: users (-u) are 0"),
        (("steady", "--html", "no/such/folder.html"), "--html no/such/folder.html: No such file or directory."),
    ],
)
def test_the_verb_says_what_is_wrong(tmp_path: Path, arguments: tuple[str, ...], told: str) -> None:
    """Wrong usage is exit code 2 and a sentence."""
    answer = shapes_verb(*arguments, folder=tmp_path)
    assert (answer.returncode, answer.stdout) == (2, "")
    assert answer.stderr.startswith(told)


SLOW_BEGINNING = """
import gevent
from lakestorm.load.purchases import FlashSale

begin = FlashSale.begin


def slowly(self, context):
    with open("begun", "a") as out:
        out.write("x")
    gevent.sleep(2.5)
    return begin(self, context)


FlashSale.begin = slowly
"""
"""A run whose getting ready takes more than a tick of its shape, as a long history does."""


def test_a_run_that_takes_long_to_begin_begins_once(database: dict[str, str], tmp_path: Path) -> None:
    """A ramp asks for other users each second; Locust would end what still gets ready, and start it anew."""
    make_shop(database, items=10)
    slow = tmp_path / "slow_beginning.py"
    slow.write_text(SLOW_BEGINNING)
    files = f"{together(FLASHSALE, shape_file('ramp'))},{slow}"
    done = run_locust("-u", "40", "-t", "10s", env={**database, **LIGHT}, cwd=tmp_path, file=files)
    assert (tmp_path / "begun").read_text() == "x"
    assert is_sound(done), done.output
    assert done.run["ended_at"] - done.run["started_at"] == pytest.approx(10.5, abs=0.5 + LATE_S)


def test_the_page_sets_peak_and_run_time(database: dict[str, str], tmp_path: Path) -> None:
    """The form shows the shape's peak; its numbers shape the run, wrong ones are told, a running one is not changed."""
    make_shop(database, items=10)
    port = free_port()
    files = together(FLASHSALE, shape_file("steady"))
    with LocustProcess("--web-port", str(port), env={**database, **LIGHT}, cwd=tmp_path, file=files) as locust:
        page = Page(port)
        page.wait_until_up()
        assert '"num_users": 50' in page.get("/")
        assert "users (-u) are 0" in page.get("/swarm", {"user_count": 0, "spawn_rate": 1, "run_time": "3s"})
        page.get("/swarm", {"user_count": 6, "spawn_rate": 1, "run_time": "4s"})
        page.wait_for("running")
        page.get("/swarm", {"user_count": 60, "spawn_rate": 1, "run_time": "60s"})
        page.wait_for("stopped")
        locust.wait_for("verdict: ")
        locust.signal(SIGINT)
        done = locust.wait()
    assert is_sound(done), done.output
    assert "Traceback" not in done.output
    assert len([path for path in (tmp_path / "results").iterdir() if not path.is_symlink()]) == 1
    assert (done.run["shape"]["peak_users"], done.run["shape"]["run_time_s"], done.run["users_peak"]) == (6, 4, 6)
    assert done.run["ended_at"] - done.run["started_at"] == pytest.approx(4.5, abs=0.5 + LATE_S)
