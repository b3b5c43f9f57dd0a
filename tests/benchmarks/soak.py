"""sys-load for ten minutes, exporting to a real MinIO: whether memory stays flat, files bounded, and seconds whole."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from lakestorm.settings import child_environment
from tests.benchmarks.harness import ROOT, Row
from tests.integration.object_tables import seconds_in, with_own_bucket
from tests.process_tree import Tree

if TYPE_CHECKING:
    from collections.abc import Mapping

SERVICES = ("minio",)
SOAK_S, SETTLED_S, LOOK_S = 600, 120, 10
FILE_MB = 64
SETTINGS = {
    "SYSLOAD_CPU_PERCENT": "5",
    "SYSLOAD_MEMORY_MB": "150",
    "SYSLOAD_MEMORY_CHURN_MBPS": "5",
    "SYSLOAD_DISK_MBPS": "2",
    "SYSLOAD_DISK_FILE_MB": str(FILE_MB),
    "SYSLOAD_EXPORT_EVERY_S": "10",
    "SYSLOAD_PORT": "0",
}


def run(env: Mapping[str, str], _rounds: int) -> list[Row]:
    """One soak."""
    env = with_own_bucket(env)
    watch = {"SYSLOAD_WATCH": f"tcp://{env['MINIO_URL'].removeprefix('http://')}"}
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        command = [sys.executable, "-m", "sysload", "--duration", str(SOAK_S)]
        whole = child_environment({"PYTHONPATH": str(ROOT), **env, **SETTINGS, **watch})
        with subprocess.Popen(command, env=whole, cwd=folder, stdout=subprocess.DEVNULL) as process:
            memory_mb, files_mb = looks(process, folder)
        left = [*folder.rglob("*.rows"), *(folder / ".sysload" / "disk").rglob("*")]
        seconds = seconds_in(env, folder / "read")
    span = max(seconds) - min(seconds) + 1
    wrong = span - len(seconds) + sum(times - 1 for times in seconds.values())
    return [
        Row("memory grown from minute 2 to minute 10 of sys-load", "MB", [memory_mb[-1] - memory_mb[0]], [], "", "≤ 5"),
        Row("most that its files took", "MB", [max(files_mb)], [], "", f"≤ {FILE_MB + 2}"),
        Row(f"of {span} seconds, those that the store lacks or has twice", "seconds", [wrong], [], "", "0"),
        Row("load files and unsent rows left", "files", [len(left)], [], "", "0"),
    ]


def looks(process: subprocess.Popen[bytes], folder: Path) -> tuple[list[float], list[float]]:
    """Megabytes of memory that is the tree's own, once it has settled, and of files, every ten seconds."""
    tree, began_s = Tree(process.pid), time.monotonic()
    memory_mb: list[float] = []
    files_mb: list[float] = []
    while process.poll() is None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(LOOK_S)
            break
        files_mb.append(sum(size_of(path) for path in folder.rglob("*")) / 1e6)
        if SETTLED_S < time.monotonic() - began_s < SOAK_S - LOOK_S:
            memory_mb.append(tree.own_mb())
    return memory_mb, files_mb


def size_of(path: Path) -> int:
    """Bytes; none of a file that has just gone."""
    try:
        return path.stat().st_size if path.is_file() else 0
    except FileNotFoundError:
        return 0
