"""One worker process as its parent sees it: started, ordered, listened to, ended."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

if TYPE_CHECKING:
    from collections.abc import Mapping

READ_BYTES = 65_536


class Child:
    """A process that runs one of our worker modules; it can be started again when it is dead.

    Args:
        name: for people: `CPU 1`, `memory`, `disk`.
        module: what it runs.

    Attributes:
        report: the newest figures it told; empty until it has told some.
    """

    def __init__(self, name: str, module: str) -> None:
        self.name, self._module = name, module
        self.report: dict[str, Any] = {}
        self._process: subprocess.Popen[bytes] | None = None
        self._rest = b""
        self._cpu_s = 0.0

    @property
    def pid(self) -> int | None:
        """Of the process that runs, or ran last."""
        return self._process.pid if self._process else None

    @property
    def is_alive(self) -> bool:
        """Whether it runs."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Run it, in a process group of its own: Ctrl-C on a terminal is for the parent, which ends it in order."""
        self.release()
        self._process = subprocess.Popen(
            [sys.executable, "-m", self._module], stdin=subprocess.PIPE, stdout=subprocess.PIPE, process_group=0
        )
        for pipe in filter(None, (self._process.stdin, self._process.stdout)):
            os.set_blocking(pipe.fileno(), False)
        self.report, self._rest, self._cpu_s = {}, b"", 0.0

    def order(self, order: Mapping[str, Any]) -> None:
        """Tell it what to do. One that does not read is not waited for: the next order says all there is to say."""
        line = json.dumps(order).encode() + b"\n"
        if self._process and self._process.stdin:
            with contextlib.suppress(BlockingIOError, BrokenPipeError):
                os.write(self._process.stdin.fileno(), line)

    def listen(self) -> None:
        """Read what it has told since; the last whole line is its report."""
        if not self._process or not self._process.stdout:
            return
        with contextlib.suppress(BlockingIOError):
            while piece := os.read(self._process.stdout.fileno(), READ_BYTES):
                *lines, self._rest = (self._rest + piece).split(b"\n")
                if lines:
                    self.report = json.loads(lines[-1])

    def cpu_grown_s(self) -> float:
        """CPU time it used since the last call, by the kernel's count; 0 if it is dead."""
        before, self._cpu_s = self._cpu_s, max(self._cpu_s, cpu_seconds_of(self.pid) if self.is_alive else 0.0)
        return self._cpu_s - before

    def hang_up(self) -> None:
        """Close its orders: it lets go of everything and ends."""
        if self._process and self._process.stdin:
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.close()

    def release(self, until_s: float = 0.0) -> None:
        """End it, by force if it has not ended by itself until then (monotonic clock), and close its pipes."""
        if self._process is None:
            return
        self.hang_up()
        try:
            self._process.wait(max(0.0, until_s - time.monotonic()))
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout:
            self._process.stdout.close()


def cpu_seconds_of(pid: int | None) -> float:
    """CPU time of a process with one thread; 0 if it is not there.

    `schedstat` counts nanoseconds; what other systems, or kernels without it, tell is in hundredths of a second.
    """
    try:
        return int(Path(f"/proc/{pid}/schedstat").read_text(encoding="ascii").split()[0]) / 1e9
    except (OSError, IndexError):
        with contextlib.suppress(psutil.Error):
            times = psutil.Process(pid).cpu_times()
            return float(times.user + times.system)
    return 0.0
