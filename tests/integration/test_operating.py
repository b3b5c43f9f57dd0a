"""`docs/operating.md` as it stands there: each block that is marked is run, by bash, in a folder like the checkout."""

from __future__ import annotations

import json
import os
import re
import signal
import stat
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lakestorm.sandbox.service import free_port
from tests.integration.compose_process import Compose, command
from tests.integration.locust_process import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

OPERATING = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")
TIME_LIMIT_S = 150
GIVEN = ("locustfiles", "loadshapes", "deploy", "thresholds.toml", ".env.example", "docker-compose.yml", "Dockerfile")
VERDICTS = {0: "pass", 3: "fail", 4: ("unknown", "invalid")}


def block(name: str) -> str:
    """The lines of the block that is marked with a name."""
    found = re.search(rf"<!-- {name} -->\n```sh\n(.*?)```", OPERATING, re.DOTALL)
    assert found, f"docs/operating.md has no block marked {name}"
    return found[1]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder like a checkout, whose sandbox is erased in the end, whatever happened."""
    made = tmp_path_factory.mktemp("operating")
    for name in GIVEN:
        (made / name).symlink_to(ROOT / name)
    (made / ".venv").symlink_to(sys.prefix)
    yield made
    done = shell(made, "lakestorm sandbox down --erase")
    assert done.returncode == 0, done.stderr


def environment(folder: Path) -> dict[str, str]:
    """What the reader's shell has: the venv's programs on PATH, a small shop, a page on a port that is free."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    small = {"USERS_SEED_COUNT": "200", "ITEM_SEED_COUNT": "20", "LOCUST_WEB_PORT": str(free_port())}
    kept = {name: os.environ[name] for name in ("HOME", "XDG_CACHE_HOME") if name in os.environ}
    return {"PATH": path, **kept, **small}


def start(folder: Path, script: str, env: dict[str, str]) -> subprocess.Popen[str]:
    """A script in a process group of its own; the first command that fails ends it."""
    line = ["bash", "-euo", "pipefail", "-c", script]
    return subprocess.Popen(
        line, cwd=folder, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip


def shell(folder: Path, script: str) -> subprocess.CompletedProcess[str]:
    """A script to its end, within the time limit."""
    process = start(folder, script, environment(folder))
    try:
        out, err = process.communicate(timeout=TIME_LIMIT_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        raise
    return subprocess.CompletedProcess(script, process.returncode, out, err)


@pytest.fixture(scope="module")
def services(folder: Path) -> Path:
    """The folder once the first block was run: services, a shop, and `.env`."""
    done = shell(folder, block("run: services"))
    assert done.returncode == 0, done.stderr
    assert "POSTGRES_PORT=" in (folder / ".env").read_text()
    return folder


def verdict_of(folder: Path) -> str:
    """What the last run's own record says."""
    return str(json.loads((folder / "results" / "latest" / "run.json").read_text())["verdict"])


def test_in_the_browser(services: Path) -> None:
    """The page comes up, and Ctrl-C ends it."""
    env = environment(services)
    process = start(services, block("run: browser"), env)
    try:
        wait_for_page(f"http://127.0.0.1:{env['LOCUST_WEB_PORT']}/", process)
        os.killpg(process.pid, signal.SIGINT)
        _, err = process.communicate(timeout=TIME_LIMIT_S)
    except BaseException:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        raise
    assert process.returncode == 0, err


def wait_for_page(url: str, process: subprocess.Popen[str], limit_s: float = 60) -> None:
    """Wait until a page answers."""
    until = time.monotonic() + limit_s
    while True:
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 - ours, on loopback
                assert b"<title>Locust</title>" in answer.read()
        except urllib.error.URLError:
            assert process.poll() is None, process.communicate()[1]
            assert time.monotonic() < until, "the page does not come up"
            time.sleep(0.2)
        else:
            return


def test_headless(services: Path) -> None:
    """Run, audit and report, each to its end; a busy machine may make the run invalid, but never its books."""
    load, *after = block("run: headless").strip().splitlines()
    done = shell(services, load)
    assert done.returncode in VERDICTS, done.stderr
    assert verdict_of(services) in VERDICTS[done.returncode]
    (services / "results" / "latest" / "report.html").unlink()
    for line in after:
        again = shell(services, line)
        assert again.returncode == 0, again.stderr
    assert (services / "results" / "latest" / "report.html").exists()


BLOCKS = ("run: processes", "run: workers", "run: end")
"""What else is run."""


@pytest.mark.parametrize("name", BLOCKS)
def test_a_block(services: Path, name: str) -> None:
    """Each block is run to its end; where it makes a run, by that run's verdict."""
    done = shell(services, block(name))
    assert done.returncode in VERDICTS, done.stderr


def test_what_compose_says_without_an_engine(folder: Path) -> None:
    """The commands of the block say nothing and end well, with the real compose behind `docker compose`."""
    place = folder / "project"
    place.mkdir()
    for name in (".env.example", "docker-compose.yml"):
        (place / name).symlink_to(ROOT / name)
    docker = folder / "docker" / "docker"
    docker.parent.mkdir()
    docker.write_text(f'#!/bin/sh\ntest "$1" = compose && shift && exec {" ".join(command())} "$@"\n')
    docker.chmod(docker.stat().st_mode | stat.S_IXUSR)
    done = shell(place, f"PATH={docker.parent}:$PATH\n{block('run: compose')}")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_services_that_compose_commands_name_exist(tmp_path: Path) -> None:
    """Each service in a line that needs an engine is one of the compose file."""
    (tmp_path / ".env").write_text((ROOT / ".env.example").read_text())
    known = set(Compose(command(), tmp_path).config()["services"])
    lines = [line.partition(" #")[0].split() for line in block("compose").splitlines()]
    named = {word for line in lines for word in line if re.fullmatch(r"[a-z]+-?(?:loadgen|master|worker)", word)}
    assert {"items-loadgen", "flashsale-loadgen", "login-loadgen", "locust-master", "locust-worker"} <= named <= known


def test_the_gate_of_the_ci_recipes(folder: Path) -> None:
    """The script that both recipes call gives the exit code of the verdict, and leaves no sandbox."""
    made = folder / "ci"
    made.mkdir()
    for name in (*GIVEN, ".venv"):
        (made / name).symlink_to(folder / name)
    done = shell(made, "bash deploy/ci/gate -u 5 -t 10s")
    assert done.returncode in VERDICTS, done.stderr
    assert verdict_of(made) in VERDICTS[done.returncode]
    assert shell(made, "lakestorm sandbox env").stdout == ""
