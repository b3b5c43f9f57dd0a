"""Locust as a user starts it: a process with arguments and an environment, and what it leaves behind."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import psycopg2

if TYPE_CHECKING:
    import signal
    from collections.abc import Mapping

ROOT = Path(__file__).parents[2]
FLASHSALE = ROOT / "locustfiles" / "flashsale.py"
TIME_LIMIT_S = 90
BOOKS_ALONE = {"THRESHOLDS_FILE": str(ROOT / "tests" / "integration" / "books_alone.toml")}
"""A verdict by the books alone: a busy machine may cancel what it likes, and so may a run that a signal ends."""
OURS = (
    "PURCHASE_", "FLASHSALE_", "POSTGRES_", "LOGIN_", "KAFKA_", "SCHEMA_",
    "CDC_", "CONNECT", "CANARY_", "CATALOGUE_", "REPLICATION_", "CONSUMER_", "PROBE_", "DRAIN_",
)  # fmt: skip
"""Settings that a test gives itself."""


@dataclasses.dataclass(frozen=True)
class Finished:
    """A Locust process that has ended."""

    code: int
    output: str
    folder: Path

    @property
    def sound_code(self) -> int:
        """The exit code; 0 for a run that is invalid only because the machine was so busy that the load came late."""
        is_late = self.code == 4 and all("the generator itself was late" in reason for reason in self.run["reasons"])
        return 0 if is_late else self.code

    @property
    def run(self) -> dict[str, Any]:
        """run.json."""
        found: dict[str, Any] = json.loads((self.folder / "run.json").read_text())
        return found

    @property
    def ledger(self) -> dict[str, Any]:
        """The ledger in run.json."""
        found: dict[str, Any] = self.run["ledger"]
        return found

    def total(self, name: str) -> dict[str, Any]:
        """The whole run of one request name."""
        found: dict[str, Any] = self.run["requests"][name]["total"]
        return found


class LocustProcess:
    """A running Locust; ends with the `with` block."""

    def __init__(self, *args: str, env: Mapping[str, str], cwd: Path, file: Path | str = FLASHSALE) -> None:
        self.cwd = cwd
        self._log = (cwd / "locust.log").open("w+")
        clean = {k: v for k, v in os.environ.items() if not k.startswith(OURS)}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "locust", "-f", str(file), *args],
            env={**clean, "PYTHONPATH": str(ROOT), **env},
            cwd=cwd,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self._log.close()

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to Locust alone."""
        self.process.send_signal(number)

    def wait(self) -> Finished:
        """Wait for the end."""
        code = self.process.wait(TIME_LIMIT_S)
        return Finished(code, self.output(), self.cwd / "results" / "latest")

    def output(self) -> str:
        """What it printed so far."""
        return (self.cwd / "locust.log").read_text()

    def wait_for(self, text: str, limit_s: float = 20) -> None:
        """Wait until it printed a text."""
        until = time.monotonic() + limit_s
        while text not in self.output():
            if time.monotonic() > until or self.process.poll() is not None:
                raise AssertionError(f"{text!r} was not printed:\n{self.output()}")
            time.sleep(0.05)

    def wait_for_buys(self, env: Mapping[str, str], count: int, limit_s: float = 20) -> None:
        """Wait until so many lines stand in the table."""
        until = time.monotonic() + limit_s
        while rows(env, "SELECT count(*) FROM purchases")[0][0] < count:
            if time.monotonic() > until or self.process.poll() is not None:
                raise AssertionError(f"fewer than {count} buys:\n{self.output()}")
            time.sleep(0.05)


def run_locust(*args: str, env: Mapping[str, str], cwd: Path, file: Path | str = FLASHSALE) -> Finished:
    """Run Locust headless to its end."""
    with LocustProcess("--headless", "--only-summary", *args, env=env, cwd=cwd, file=file) as locust:
        return locust.wait()


def open_database(env: Mapping[str, str]) -> Any:
    """A connection of the test's own, in autocommit."""
    connection = psycopg2.connect(
        host=env["POSTGRES_HOST"],
        port=env["POSTGRES_PORT"],
        user=env["POSTGRES_USER"],
        password=env["POSTGRES_PASSWORD"],
        dbname=env["POSTGRES_DB"],
    )
    connection.autocommit = True
    return connection


def rows(env: Mapping[str, str], statement: str) -> list[tuple[Any, ...]]:
    """One statement on a connection of its own; rows of a SELECT."""
    connection = open_database(env)
    try:
        with connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall() if cursor.description else []
    finally:
        connection.close()


def make_shop(env: Mapping[str, str], items: int, users: int = 100, stock: int = 1000) -> None:
    """The real schema with a few plain rows, quicker than a seed."""
    rows(env, (ROOT / "seed" / "tables.sql").read_text())
    rows(
        env,
        f"INSERT INTO users (id, first_name, last_name, email) SELECT i, 'A', 'B', 'u' || i || '@shop.test'"
        f" FROM generate_series(1, {users}) i;"
        f"INSERT INTO items (id, name, category, price, inventory) SELECT i, 'thing ' || i, 'widgets', 9.50, {stock}"
        f" FROM generate_series(1, {items}) i",
    )
