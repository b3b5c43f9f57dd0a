"""The image in real containers, by the real compose: seed, sale, `down` in the middle of one; rows counted each time.

`scripts/compose-test` starts this, with an engine behind DOCKER_HOST and the image built. The database is a sandbox's.
"""

from __future__ import annotations

import dataclasses
import json
import os
import re
import secrets
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.compose_process import FILE, command
from tests.integration.locust_process import ROOT, rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

OVERRIDE = Path(__file__).with_name("override.yml")
SMALL = {
    "USERS_SEED_COUNT": "200", "ITEM_SEED_COUNT": "20", "FLASHSALE_USERS": "5", "FLASHSALE_SHAPE": "steady",
    "FLASHSALE_RUN_TIME": "8",
}  # fmt: skip
TIME_LIMIT_S = 300
COUNT = "SELECT count(*) FROM purchases"
EXIT = {"pass": 0, "fail": 3, "unknown": 4, "invalid": 4}


@dataclasses.dataclass(frozen=True)
class Project:
    """A project folder, and compose on it, under a name that nobody else's containers and volumes have."""

    folder: Path
    name: str

    def run(self, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
        """One compose command to its end."""
        line = [*command(), "--project-directory", str(self.folder), "-f", str(FILE), "-f", str(OVERRIDE)]
        return subprocess.run(
            [*line, *arguments],
            cwd=self.folder,
            env={**os.environ, "COMPOSE_PROJECT_NAME": self.name, **env},
            capture_output=True,
            text=True,
            check=False,
            timeout=TIME_LIMIT_S,
        )

    def results(self) -> dict[str, Any]:
        """run.json of the last sale, read out of the volume."""
        file = "/results/flashsale/latest/run.json"
        options = ("run", "--rm", "-T", "--no-deps", "--entrypoint", "cat")
        done = self.run(*options, "flashsale-loadgen", file)
        assert done.returncode == 0, done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found


@pytest.fixture
def project(database: Mapping[str, str], tmp_path: Path) -> Iterator[Project]:
    """What `cp .env.example .env`, the database's address and `make up` leave; in the end nothing is left running."""
    mine = {**{name: value for name, value in database.items() if name.startswith("POSTGRES_")}, **SMALL}
    text = (ROOT / ".env.example").read_text(encoding="utf-8")
    for name, value in mine.items():
        text = re.sub(rf"^{name}=.*$", f"{name}={value}", text, flags=re.MULTILINE)
    (tmp_path / ".env").write_text(text, encoding="utf-8")
    shutil.copy(ROOT / "thresholds.toml", tmp_path)
    subprocess.run([sys.executable, ROOT / "deploy" / "secret_files.py"], cwd=tmp_path, check=True)
    made = Project(tmp_path, f"lakestorm-test-{secrets.token_hex(4)}")
    yield made
    done = made.run("down", "--volumes", "--remove-orphans", "--timeout", "10")
    assert done.returncode == 0, done.stderr


def bought(project: Project) -> int:
    """Completed buys of the last sale, by its own record."""
    count: int = project.results()["requests"]["PG order.buy"]["total"]["completed"]
    return count


def test_exactly_one_sale(project: Project, database: Mapping[str, str]) -> None:
    """`run flashsale-loadgen` seeds first, makes one run, and ends by its verdict; each completed buy is a row."""
    done = project.run("run", "flashsale-loadgen")
    assert rows(database, "SELECT (SELECT count(*) FROM users), (SELECT count(*) FROM items)") == [(200, 20)]
    run = project.results()
    assert done.returncode == EXIT[run["verdict"]], done.stderr
    assert run["ledger"]["state"] == "closed"
    assert bought(project) == rows(database, COUNT)[0][0] > 0


def test_a_wrong_setting(project: Project) -> None:
    """A wrong setting is the container's exit code 5 and a sentence."""
    done = project.run("run", "--no-deps", "flashsale-loadgen", FLASHSALE_SHAPE="cliff")
    assert done.returncode == 5
    assert 'FLASHSALE_SHAPE is "cliff"' in done.stdout + done.stderr


def test_down_loses_nothing(project: Project, database: Mapping[str, str]) -> None:
    """`down` in the middle of a sale: it is drained and written, and each completed buy is a row."""
    assert project.run("up", "--detach", "flashsale-loadgen", FLASHSALE_RUN_TIME="300").returncode == 0
    until = time.monotonic() + TIME_LIMIT_S
    while not rows(database, "SELECT to_regclass('purchases')")[0][0] or rows(database, COUNT)[0][0] < 50:
        assert time.monotonic() < until, "nothing was bought"
        time.sleep(0.5)
    done = project.run("down")
    assert done.returncode == 0, done.stderr
    run = project.results()
    assert (run["complete"], run["ledger"]["state"]) == (True, "closed")
    assert bought(project) == rows(database, COUNT)[0][0]
