"""What it costs to look: CPU of the probes' process and of the services it asks, at one reading a second."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from typing import TYPE_CHECKING

import psutil
import psycopg2

from tests.benchmarks.harness import ROOT, Row

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SERVICES = ("postgres", "kafka", "registry", "connect")
SPAN_S = 20.0
SETTLED_S = 6.0
"""After this the imports are done, and everybody is connected."""


def run(env: Mapping[str, str], rounds: int) -> list[Row]:
    """Three rows: the process's share of the machine, its memory, and statements a second."""
    shares, statements, memory = [], [], []
    with probes(env) as process:
        time.sleep(SETTLED_S)
        for _ in range(max(1, rounds // 2)):
            before, cpu_s, began = statements_of(env), cpu_of(process), time.perf_counter()
            time.sleep(SPAN_S)
            lasted_s = time.perf_counter() - began
            shares.append(100 * (cpu_of(process) - cpu_s) / lasted_s / (os.cpu_count() or 1))
            statements.append((statements_of(env) - before) / lasted_s)
            memory.append(process.memory_info().rss / 1e6)
    return [
        Row("all probes once a second, CPU of their process", "% of the machine", shares, [], "", "≤ 1"),
        Row("transactions that the database ends meanwhile, ours among them", "per second", statements, [], ""),
        Row("memory of the probes' process", "MB", memory, [], ""),
    ]


@contextlib.contextmanager
def probes(env: Mapping[str, str]) -> Iterator[psutil.Process]:
    """The process, with everything turned on and its messages read by nobody who takes time for it."""
    settings = {**os.environ, **env, "PYTHONPATH": str(ROOT), "CONSUMER_GROUPS": "*", "PROBE_EVERY_S": "1"}
    command = [sys.executable, "-m", "lakestorm.probes", "--run", "0192f3c0a1b2c3d", "--folder"]
    with (
        tempfile.TemporaryDirectory() as folder,
        subprocess.Popen(
            [*command, folder], env=settings, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
        ) as process,
    ):
        try:
            yield psutil.Process(process.pid)
        finally:
            process.kill()


def cpu_of(process: psutil.Process) -> float:
    """CPU seconds that it has used."""
    used = process.cpu_times()
    return float(used.user + used.system)


def statements_of(env: Mapping[str, str]) -> int:
    """Transactions that the database has ended, as its statistics say."""
    connection = psycopg2.connect(
        host=env["POSTGRES_HOST"], port=env["POSTGRES_PORT"], user=env["POSTGRES_USER"],
        password=env["POSTGRES_PASSWORD"], dbname=env["POSTGRES_DB"],
    )  # fmt: skip
    with connection, connection.cursor() as cursor:
        cursor.execute("SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()")
        (count,) = cursor.fetchone() or (0,)
    connection.close()
    return int(count)
