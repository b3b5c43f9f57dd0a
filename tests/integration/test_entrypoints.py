"""The image's roles as processes, with exactly the environment that compose gives them, on a real PostgreSQL."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

from lakestorm.sandbox.service import free_port
from tests.integration.compose_process import Compose, command
from tests.integration.locust_process import ROOT, rows
from tests.integration.test_web_access import Address

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

TIME_LIMIT_S = 90
BARE = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
EXIT = {"pass": 0, "fail": 3, "unknown": 4, "invalid": 4}
SMALL = {"USERS_SEED_COUNT": "200", "ITEM_SEED_COUNT": "20", "FLASHSALE_USERS": "5", "FLASHSALE_SHAPE": "steady"}


@dataclasses.dataclass(frozen=True)
class Containers:
    """What compose makes of a `.env`, on this machine instead of in containers: the paths inside become real ones."""

    compose: Compose
    env: Mapping[str, str]

    def start(self, service: str, *arguments: str, **env: str) -> subprocess.Popen[str]:
        """A service's process: its entrypoint, its environment, its secrets."""
        model = self.compose.config(env={**self.env, **env})
        given = model["services"][service]
        self._write_secrets(model)
        with (self.compose.folder / f"{service}.log").open("w") as out:
            return subprocess.Popen(
                [*map(self._here, given["entrypoint"]), *arguments],
                env={**BARE, **{k: self._here(v or "") for k, v in given["environment"].items()}},
                cwd=self.compose.folder,
                stdout=out,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                text=True,
            )

    def run(self, service: str, *arguments: str, **env: str) -> tuple[int, str]:
        """A service to its end: its exit code, and what it printed."""
        with self.start(service, *arguments, **env) as process:
            try:
                code = process.wait(TIME_LIMIT_S)
            finally:
                process.kill()
        return code, self.output(service)

    def output(self, service: str) -> str:
        """What it printed."""
        return (self.compose.folder / f"{service}.log").read_text()

    def results(self, service: str) -> dict[str, Any]:
        """run.json of its last run."""
        file = self.compose.folder / "results" / service.partition("-")[0] / "latest" / "run.json"
        found: dict[str, Any] = json.loads(file.read_text())
        return found

    def _here(self, text: str) -> str:
        """A path of the container as one of this machine."""
        for folder in ("/run/secrets", "/results", "/scratch"):
            if text.startswith(folder):
                return str(self.compose.folder) + text
        return {"python3": sys.executable}.get(text, text.replace("/app/", f"{ROOT}/"))

    def _write_secrets(self, model: Mapping[str, Any]) -> None:
        """What compose would mount: each secret's file, under its name."""
        mounted = self.compose.folder / "run" / "secrets"
        mounted.mkdir(parents=True, exist_ok=True)
        for name, secret in model["secrets"].items():
            shutil.copy(secret["file"], mounted / name)


def project(database: Mapping[str, str], folder: Path) -> Containers:
    """A project folder as `cp .env.example .env` and `make up` leave it, with a database of the sandbox in it."""
    place = {name: value for name, value in database.items() if name.startswith("POSTGRES_")}
    shutil.copy(ROOT / ".env.example", folder / ".env")
    done = subprocess.run(
        [sys.executable, ROOT / "deploy" / "secret_files.py"],
        cwd=folder,
        env={**BARE, **place},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    del place["POSTGRES_PASSWORD"]  # it is in its file by now, and in no environment
    return Containers(Compose(command(), folder), {**place, **SMALL})


@pytest.fixture
def containers(database: dict[str, str], tmp_path: Path) -> Containers:
    """A project on an empty database."""
    return project(database, tmp_path)


@pytest.fixture
def sale(shop: dict[str, str], tmp_path: Path) -> Iterator[tuple[Containers, subprocess.Popen[str]]]:
    """A seeded shop, and a sale that goes on for a minute unless it is told to stop."""
    containers = project(shop, tmp_path)
    process = containers.start("flashsale-loadgen", FLASHSALE_RUN_TIME="60")
    yield containers, process
    process.kill()
    process.wait()


def wait_for(condition: Any, limit_s: float = 40) -> None:
    """Wait until it is so."""
    until = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < until, "that did not come about"
        time.sleep(0.1)


def health(pid: int, **env: str) -> tuple[int, str]:
    """What the image's health check says of a process."""
    line = [sys.executable, str(ROOT / "deploy" / "health.py"), str(pid)]
    clean = {**BARE, **env}
    done = subprocess.run(line, env=clean, cwd="/", capture_output=True, text=True, check=False)
    return done.returncode, done.stdout


def test_seed_then_sale(containers: Containers, database: dict[str, str]) -> None:
    """The seed ends with 0 and takes verbs; one sale of its own settings has the exit code of its verdict."""
    code, said = containers.run("items-loadgen")
    assert code == 0, said
    assert rows(database, "SELECT (SELECT count(*) FROM users), (SELECT count(*) FROM items)") == [(200, 20)]
    assert containers.run("items-loadgen", "verify")[0] == 0
    code, said = containers.run("flashsale-loadgen", FLASHSALE_RUN_TIME="4")
    run = containers.results("flashsale-loadgen")
    assert code == EXIT[run["verdict"]], said
    assert (run["complete"], run["users_peak"], run["shape"]["name"]) == (True, 5, "SteadyShape")
    assert run["ledger"]["state"] == "closed", run["ledger"]
    bought = rows(database, "SELECT count(*) FROM purchases")[0][0]
    assert run["requests"]["PG order.buy"]["total"]["completed"] == bought > 0
    assert "postgrespw" not in said


def test_sigterm_drains(sale: tuple[Containers, subprocess.Popen[str]], shop: dict[str, str]) -> None:
    """What `down` sends reaches Locust itself: the run is drained, audited and written, the code is the verdict's."""
    containers, process = sale
    wait_for(lambda: rows(shop, "SELECT count(*) FROM purchases")[0][0] > 20)
    assert health(process.pid) == (0, f"{process.pid} runs\n")
    process.send_signal(signal.SIGSTOP)
    wait_for(lambda: health(process.pid) == (1, f"{process.pid} is stopped\n"))
    process.send_signal(signal.SIGCONT)
    process.send_signal(signal.SIGTERM)
    code = process.wait(TIME_LIMIT_S)
    run = containers.results("flashsale-loadgen")
    assert code == EXIT[run["verdict"]], containers.output("flashsale-loadgen")
    assert run["complete"] is True
    assert run["ledger"]["lost"] == 0
    assert run["requests"]["PG order.buy"]["total"]["completed"] == rows(shop, "SELECT count(*) FROM purchases")[0][0]


def test_a_shape_is_picked_in_the_masters_form(shop: dict[str, str], tmp_path: Path) -> None:
    """Behind its login the page has every load shape; the one that is picked is what the worker's users follow."""
    containers = project(shop, tmp_path)
    port, page = str(free_port()), Address(free_port())
    master = containers.start("locust-master", "--web-port", str(page.port), "--master-bind-port", port)
    worker = containers.start("locust-worker", "--master-host", "127.0.0.1", "--master-port", port)
    try:
        wait_for(page.is_up)
        password = (tmp_path / "run" / "secrets" / "web_password").read_text()
        cookie = page.log_in(password, "lakestorm").cookie
        shapes = re.search(r'"available_shape_classes": \[(.*?)\]', page.ask("/", Cookie=cookie).text)
        assert shapes is not None
        assert set(re.findall(r'"(\w+)"', shapes[1])) > {
            "Default",
            "RampShape",
            "SoakShape",
            "SpikeShape",
            "WavesShape",
        }
        wait_for(lambda: json.loads(page.ask("/worker-count", Cookie=cookie).text)["worker_count"] == 1)
        form = {"user_count": "4", "spawn_rate": "1", "run_time": "5s"}
        told = [
            json.loads(page.ask("/swarm", form | {"shape_class": shape}, Cookie=cookie).text)["message"]
            for shape in ("WavesShape", "SteadyShape")
        ]
        assert told[0].startswith("WavesShape: the run time (-t) is 5 s; at least 12 s are wanted.")
        assert told[1] == "Swarming started using shape class 'SteadyShape'"
        wait_for(lambda: "verdict: " in containers.output("locust-master"))
    finally:
        codes = [ended(process) for process in (master, worker)]
    assert codes[1] == 0, containers.output("locust-worker")
    run = json.loads((tmp_path / "results" / "web" / "latest" / "run.json").read_text())
    assert codes[0] == EXIT[run["verdict"]], containers.output("locust-master")
    assert (run["shape"]["name"], run["shape"]["peak_users"], run["stopped_by"]) == ("SteadyShape", 4, "shape")
    assert [worker["state"] for worker in run["instrument"]["workers"]] == ["drained"]
    bought = rows(shop, "SELECT count(*) FROM purchases")[0][0]
    assert run["requests"]["PG order.buy"]["total"]["completed"] == bought > 0


def ended(process: subprocess.Popen[str]) -> int:
    """The exit code of a process that is told to end."""
    process.send_signal(signal.SIGTERM)
    try:
        return process.wait(TIME_LIMIT_S)
    finally:
        process.kill()


def test_a_wrong_setting_ends_a_container(containers: Containers) -> None:
    """A wrong setting in `.env` ends the container with 5 before any load, and is named."""
    code, said = containers.run("flashsale-loadgen", FLASHSALE_SHAPE="cliff")
    assert (code, said[:52]) == (5, 'FLASHSALE_SHAPE is "cliff": a load shape is wanted, ')


def test_an_unknown_role() -> None:
    """A role that the image does not have is wrong usage, and those that it has are told."""
    line = [sys.executable, str(ROOT / "deploy" / "entrypoint.py"), "coffee"]
    done = subprocess.run(line, env=BARE, cwd="/", capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("coffee is no role of this image. There are items-loadgen, ")


def test_sys_load_is_well_until_it_is_told_to_stop(containers: Containers) -> None:
    """The sys-load container answers its health check on its port, and ends with 0 on SIGTERM."""
    port = str(free_port())
    model = containers.compose.config()["services"]["loadgen"]["environment"]
    assert model["SYSLOAD_PORT"] == "9105"  # inside of a container nobody else has it; here somebody may
    env = {"SYSLOAD_PORT": port, "SYSLOAD_DISK_DIR": str(containers.compose.folder / "scratch")}
    process = subprocess.Popen(
        [sys.executable, ROOT / "deploy" / "entrypoint.py", "loadgen"],
        env={**BARE, **env, "SYSLOAD_SPOOL_DIR": str(containers.compose.folder / "spool")},
        cwd="/",
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for(lambda: health(process.pid, **env) == (0, "/healthz answered 200\n"))
        process.send_signal(signal.SIGTERM)
        assert process.wait(TIME_LIMIT_S) == 0
    finally:
        process.kill()
        process.wait()
    assert health(os.getpid(), SYSLOAD_PORT=port)[0] == 0  # any other process is well while it runs
