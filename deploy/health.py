"""Is this container well? Exit code 0 or 1, and why on standard output; asked by the engine every few seconds.

    health.py [PID]      of the role's process; without it, the first one found

| role | well means |
|---|---|
| locust-master | its page answers, a refusal without log-in too |
| locust-worker | it is connected to its master |
| loadgen | its own port answers `/healthz`; with SYSLOAD_PORT 0 that it runs |
| all others | the process runs, neither stopped nor dead |
"""  # noqa: INP001 - a script of the image, imported by nothing

from __future__ import annotations

import http.client
import sys
from typing import TYPE_CHECKING

import psutil

from lakestorm.errors import exit_on_error
from lakestorm.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Sequence

MODULES = ("locust", "sysload", "seed")
PAGE_PORT, MASTER_PORT = 8089, 5557
"""Locust's own."""
ANSWER_S = 3
BROKEN = 500


class UnwellError(Exception):
    """What is not well."""


def main() -> int:
    """Ask; returns the exit code."""
    process = psutil.Process(int(sys.argv[1])) if sys.argv[1:] else role_process()
    try:
        print(well(process))
    except (UnwellError, OSError, http.client.HTTPException) as error:
        print(error)
        return 1
    return 0


def role_process() -> psutil.Process:
    """The first process that runs one of our modules; the container's first one where there is none."""
    found = (process for process in psutil.process_iter() if module_of(process.cmdline()))
    return next(found, psutil.Process(1))


def module_of(line: Sequence[str]) -> str:
    """What `python -m …` runs, if it is ours."""
    return line[2] if len(line) > 2 and line[1] == "-m" and line[2] in MODULES else ""  # noqa: PLR2004


def well(process: psutil.Process) -> str:
    """What is well; raises UnwellError, OSError or HTTPException otherwise."""
    line = process.cmdline()
    if process.status() in (psutil.STATUS_STOPPED, psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD):
        raise UnwellError(f"{process.pid} is {process.status()}")
    if "--master" in line and "--headless" not in line:
        return answered(PAGE_PORT, "/")
    if "--worker" in line:
        return connected(process)
    port = Settings.load().sysload.port if module_of(line) == "sysload" else 0
    return answered(port, "/healthz") if port else f"{process.pid} runs"


def answered(port: int, path: str) -> str:
    """The status of an answer on loopback; UnwellError where the server says that it is broken."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=ANSWER_S)
    try:
        connection.request("GET", path)
        status = connection.getresponse().status
    finally:
        connection.close()
    if status >= BROKEN:
        raise UnwellError(f"{path} answered {status}")
    return f"{path} answered {status}"


def connected(process: psutil.Process) -> str:
    """That a worker has its master; UnwellError where it has none."""
    ours = process.net_connections("tcp")
    if not any(c.status == psutil.CONN_ESTABLISHED and c.raddr and c.raddr.port == MASTER_PORT for c in ours):
        raise UnwellError("not connected to a master")
    return "connected to the master"


if __name__ == "__main__":
    sys.exit(exit_on_error(main))
