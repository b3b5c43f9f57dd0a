"""The seed as a user starts it: `python -m seed …` in an empty folder, and what it leaves in the database."""

from __future__ import annotations

import dataclasses
import os
import re
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any, Self

import psutil

from tests.integration.locust_process import ROOT, open_database, rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

TIME_LIMIT_S = 60
SMALL = {"USERS_SEED_COUNT": "1000", "ITEM_SEED_COUNT": "50"}
OURS = ("POSTGRES_", "SEED_", "USERS_SEED_", "ITEM_SEED_", "RANDOM_SEED")
UNCHANGED = (
    "SELECT array_agg((xmin, ctid, id)::text ORDER BY id) FROM users",
    "SELECT array_agg((xmin, ctid, id)::text ORDER BY id) FROM items",
    "SELECT array_agg((xmin, ctid, lakestorm_seed)::text ORDER BY table_name) FROM lakestorm_seed",
)
COUNTED = (
    "SELECT (SELECT count(*) FROM users), (SELECT count(DISTINCT id) FROM users),"
    " (SELECT count(DISTINCT email) FROM users), (SELECT coalesce(max(id), 0) FROM users),"
    " (SELECT count(*) FROM items), (SELECT count(DISTINCT id) FROM items), (SELECT coalesce(max(id), 0) FROM items)"
)
CHECKSUMS = (
    "SELECT (SELECT md5(string_agg((id, first_name, last_name, email, is_vip)::text, '|' ORDER BY id)) FROM users),"
    " (SELECT md5(string_agg((id, name, category, price, inventory)::text, '|' ORDER BY id)) FROM items)"
)


@dataclasses.dataclass(frozen=True)
class Ended:
    """A seed that has ended: its exit code, what it printed, and the most memory it was seen to take."""

    code: int
    out: str
    err: str
    peak_bytes: int

    @property
    def written(self) -> dict[str, int]:
        """{table: rows written}, as it says itself."""
        found = re.findall(r"^(\w+): [\d,]+ rows, ([\d,]+) of them written now\.$", self.err, re.MULTILINE)
        return {table: int(count.replace(",", "")) for table, count in found}


class SeedProcess:
    """A running seed, the leader of its own process group; killed with the `with` block if it still runs."""

    def __init__(self, *arguments: str, env: Mapping[str, str], cwd: Path, stdin: int = subprocess.DEVNULL) -> None:
        self._files = [cwd / f"seed-{time.monotonic_ns()}.{kind}" for kind in ("out", "err")]
        clean = {k: v for k, v in os.environ.items() if not k.startswith(OURS)}
        with self._files[0].open("wb") as out, self._files[1].open("wb") as err:
            self.process = subprocess.Popen(
                [sys.executable, "-W", "error", "-m", "seed", *arguments],
                env={**clean, "PYTHONPATH": str(ROOT), "NO_COLOR": "1", **env},
                cwd=cwd,
                stdin=stdin,
                stdout=out,
                stderr=err,
                start_new_session=True,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def kill(self) -> None:
        """SIGKILL the seed alone; its workers are left to notice."""
        self.process.kill()
        self.process.wait()

    def interrupt(self) -> None:
        """Ctrl-C: SIGINT to the whole group."""
        os.killpg(self.process.pid, signal.SIGINT)

    def output(self) -> tuple[str, str]:
        """What it printed so far, on standard output and standard error."""
        out, err = (path.read_text(encoding="utf-8") for path in self._files)
        return out, err

    def wait(self) -> Ended:
        """Wait for the end."""
        until = time.monotonic() + TIME_LIMIT_S
        peak_bytes = 0
        while self.process.poll() is None:
            assert time.monotonic() < until, self.output()
            peak_bytes = max(peak_bytes, self._memory_bytes())
            time.sleep(0.01)
        return Ended(self.process.returncode, *self.output(), peak_bytes)

    def _memory_bytes(self) -> int:
        """What is resident now; wait4's maximum would be that of the process that started it."""
        try:
            return int(psutil.Process(self.process.pid).memory_info().rss)
        except psutil.NoSuchProcess:  # it ended this very moment
            return 0

    def wait_for(self, text: str, times: int = 1) -> None:
        """Wait until a text stands on standard error so many times."""
        until = time.monotonic() + TIME_LIMIT_S
        while self.output()[1].count(text) < times:
            assert time.monotonic() < until, self.output()
            assert self.process.poll() is None, self.output()
            time.sleep(0.01)


def run_seed(*arguments: str, env: Mapping[str, str], cwd: Path, **settings: object) -> Ended:
    """Run the seed to its end; `settings` are of the environment, their names in small letters."""
    values = {name.upper(): str(value) for name, value in settings.items()}
    with SeedProcess(*arguments, env={**env, **values}, cwd=cwd) as seed:
        return seed.wait()


def wait_for_users(env: Mapping[str, str], count: int, seed: SeedProcess) -> None:
    """Wait until so many users stand in the table, and the seed still runs."""
    connection = open_database(env)
    until = time.monotonic() + TIME_LIMIT_S
    try:
        with connection.cursor() as cursor:
            while True:
                assert time.monotonic() < until, seed.output()
                cursor.execute("SELECT to_regclass('users') IS NOT NULL")
                if cursor.fetchone() == (True,):
                    cursor.execute("SELECT count(*) FROM users")
                    if cursor.fetchone()[0] >= count:
                        break
                time.sleep(0.005)
    finally:
        connection.close()
    assert seed.process.poll() is None, "it was over before it could be disturbed"


def versions(env: Mapping[str, str]) -> list[Any]:
    """Every row's transaction and place: whatever touches a row changes them."""
    return [rows(env, statement)[0][0] for statement in UNCHANGED]


def is_exactly(env: Mapping[str, str], users: int, items: int) -> bool:
    """Whether ids 1 to so many are there, each once, with addresses that differ, counted by nothing but SQL."""
    return rows(env, COUNTED)[0] == (users, users, users, users, items, items, items)


def checksums(env: Mapping[str, str]) -> tuple[str | None, str | None]:
    """Of all users' rows and all items' rows, without times; None without rows."""
    users, items = rows(env, CHECKSUMS)[0]
    return users, items


def lines_of(text: str) -> Iterator[str]:
    """Lines that say something."""
    return (line for line in text.splitlines() if line.strip())
