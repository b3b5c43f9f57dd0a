"""Where and how a load was made: what `run.json` says of the machine, and what is done to its interpreter."""

from __future__ import annotations

import gc
import importlib.metadata
import os
import platform
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import gevent.os
import psutil

PACKAGES = ("lakestorm", "locust", "gevent", "psycopg2-binary")
YOUNG_OBJECTS = 20_000


def quiet_collector() -> None:
    """Let the garbage collector leave alone what was there before the run, and look at young objects less often.

    A request makes a dozen objects that reference counts free by themselves. Measured: 57 instead of 60 µs of CPU a
    buy, and no pauses of 10 ms and more in which the whole heap of Locust is looked through.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS)


def command_line() -> str:
    """The command that was run, as it would be typed."""
    return shlex.join(["locust", *sys.argv[1:]])


def machine() -> dict[str, Any]:
    """Where the load was made: cores, memory, system, Python, packages."""
    return {
        "cores": os.cpu_count(),
        "memory_bytes": psutil.virtual_memory().total,
        "machine": platform.machine(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "packages": {name: importlib.metadata.version(name) for name in PACKAGES},
        "workers": 0,
        "commit": commit(),
    }


def commit() -> str:
    """The checkout's commit, with `+` if files differ from it; empty where there is no checkout or no git."""
    git = shutil.which("git")
    if git is None:
        return ""
    command = [git, "-C", str(Path(__file__).parent), "describe", "--always", "--dirty=+", "--abbrev=12", "--exclude=*"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


def keep_status_of_forks() -> None:
    """Let Locust ask later how its worker processes (`--processes`) ended.

    It forks them past gevent. Once a subprocess of ours has run, gevent collects whatever child ends, and Locust's own
    question would be answered with a traceback.
    """
    for child in psutil.Process().children():
        gevent.os._watch_child(child.pid)  # noqa: SLF001 - what gevent.os.fork_and_watch does
