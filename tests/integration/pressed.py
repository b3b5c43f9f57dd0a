"""sys-load as a user starts it: `python -m sysload …` in an empty folder."""

from __future__ import annotations

import contextlib
import shlex
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Self

from lakestorm.settings import child_environment, env_name, every_field
from tests.integration.locust_process import ROOT
from tests.process_tree import Tree

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from signal import Signals

    import psutil

LIMIT_S = 60.0
"""For what takes a second or two on an idle machine."""


class Pressed:
    """A process; killed with the `with` block if it still runs.

    Args:
        arguments: of the command line.
        cwd: empty folder.
        through: a shell script that ends with `exec "$@"`, to start it in another place; empty = directly.
        settings: by name.
    """

    def __init__(self, *arguments: str, cwd: Path, through: str = "", **settings: str) -> None:
        command = [sys.executable, "-W", "error", "-m", "sysload", *arguments]
        self._said = cwd.parent / f"{cwd.name}.said"
        quiet = {env_name(group, name): "" for group, name, _ in every_field() if group.__name__ == "MinioSettings"}
        ours = {"SYSLOAD_PORT": "0", "SYSLOAD_MEMORY_RAMP_S": "1", "MINIO_URL": quiet["MINIO_URL"]}
        with self._said.open("wb") as said:
            self.process = subprocess.Popen(
                ["sh", "-c", through, "sh", *command] if through else command,
                env=child_environment({**ours, "PYTHONPATH": str(ROOT), "NO_COLOR": "1", **settings}),
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stderr=said,
            )
        self.tree = Tree(self.process.pid)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    @property
    def said(self) -> str:
        """What it printed so far."""
        return self._said.read_text(encoding="utf-8")

    @property
    def lines(self) -> list[str]:
        """Its status lines so far."""
        return [line for line in self.said.splitlines() if " · CPU " in line]

    def until(self, what: Callable[[], object], words: str) -> None:
        """Wait for something; fails with all it said."""
        until_s = time.monotonic() + LIMIT_S
        while not what():
            assert self.process.poll() is None, self.said
            assert time.monotonic() < until_s, f"{words} did not happen. {self.said}"
            time.sleep(0.02)

    def until_seconds(self, count: int) -> None:
        """Wait for that many status lines."""
        self.until(lambda: len(self.lines) >= count, f"{count} lines")

    def ended(self) -> int:
        """Its exit code, when it has ended by itself."""
        return self.process.wait(LIMIT_S)

    def end(self, how: Signals) -> float:
        """Signal it; seconds until it was gone."""
        began_s = time.monotonic()
        self.process.send_signal(how)
        self.process.wait(LIMIT_S)
        return time.monotonic() - began_s


def are_gone(processes: list[psutil.Process], within_s: float) -> bool:
    """Whether all of them have ended until then."""
    until_s = time.monotonic() + within_s
    while any(process.is_running() and not is_zombie(process) for process in processes):
        if time.monotonic() > until_s:
            return False
        time.sleep(0.02)
    return True


def is_zombie(process: psutil.Process) -> bool:
    """Whether it has ended and only waits to be counted by whoever inherited it."""
    with contextlib.suppress(Exception):
        return bool(process.status() == "zombie")
    return True


def script(*steps: str) -> str:
    """A shell script that does these steps, then becomes what it is given."""
    return " && ".join([*steps, 'exec "$@"'])


def quoted(path: Path | str) -> str:
    """For a shell."""
    return shlex.quote(str(path))
