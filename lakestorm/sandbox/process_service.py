"""A service that is one process: started, known again, watched until it answers, and stopped.

The process outlives the command that starts it and runs in a session of its own, so that Ctrl-C at the terminal does
not reach it. It is known by a mark in its command line that no other process has, not by its pid or port alone: a pid
may have become somebody else's, and a port too.
"""

from __future__ import annotations

import abc
import contextlib
import subprocess
import time
from typing import TYPE_CHECKING, ClassVar

import psutil

from lakestorm.errors import SandboxError
from lakestorm.sandbox.home import Home, Owner
from lakestorm.sandbox.service import LOOPBACK, Service, State, free_port, is_free, tail

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

START_S = 90
STOP_S = 30
POLL_S = 0.1
TRIES = 3
DETACHED = '"$@" > "$0" 2>&1 < /dev/null & echo $!'
"""The shell goes, the process stays and belongs to init: it leaves no zombie behind in whoever started it."""
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}
"""Nothing of the user's own reaches the process: options and settings of other installations stay outside."""


class ProcessService(Service):
    """What is common to services of one process; a service says what it runs and when it answers.

    Attributes:
        ports: names of the ports it listens on; `port` is the one where it answers.
    """

    ports: ClassVar[tuple[str, ...]] = ("port",)

    def __init__(self, home: Home) -> None:
        # Such programs have nothing against root: whoever runs us owns it, and its data stand with what we remember.
        super().__init__(Home(home.folder, home.folder / "data", home.shared, Owner()))

    @abc.abstractmethod
    def _ready(self) -> list[Path]:
        """What it is made of, whole and on this machine; fetched or built if need be, which may take minutes."""

    @abc.abstractmethod
    def _command(self, files: Sequence[Path]) -> tuple[list[str], Mapping[str, str]]:
        """What shall run in the data folder, with the mark in it; and its environment, beside ENVIRONMENT.

        Ports are chosen by then; what the process needs in its folder is written here.

        Args:
            files: what it is made of.
        """

    @property
    @abc.abstractmethod
    def _mark(self) -> str:
        """An argument of our process's command line that stands in no other's."""

    @abc.abstractmethod
    def _answers(self) -> bool:
        """Whether it does its work; asked once it listens. Raises SandboxError if it is not the one it should be."""

    def _finish(self) -> None:
        """What is left to do when it answers; done at each `up`."""

    def up(self) -> None:
        """See Service."""
        if not self.home.recall():
            self.down()  # somebody deleted the folder: what still runs without its files is of no use
        for _ in range(TRIES):
            if self._process() is None:
                self._launch()
            if self._wait():
                return self._finish()
            if self._has_its_ports():
                break
        raise SandboxError(f"{self.name} ended while it started. The end of {self._log}:\n{tail(self._log)}")

    def down(self) -> None:
        """See Service. What does not go when asked is killed."""
        process = self._process()
        if process is not None:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.terminate()
                if not has_gone(process):
                    process.kill()
            if not has_gone(process):
                raise SandboxError(f"{self.name} (pid {process.pid}) does not stop.")
        self._pid_file.unlink(missing_ok=True)

    def state(self) -> State:
        """See Service."""
        process, port = self._process(), self.home.recall().get("port")
        if process is None and self._pid_file.exists():
            return State("stale", None, port, "it was killed; `up` starts it again")
        if process is None:
            return State("stopped", None, port)
        if port is None:
            return State("stale", process.pid, None, "its folder was deleted; `up` begins anew")
        if not listens(process, port):
            return State("stale", process.pid, port, "it does not listen yet; `up` waits for it")
        return State("running", process.pid, port)

    @property
    def _port(self) -> int:
        return int(self.home.recall()["port"])

    @property
    def _log(self) -> Path:
        return self.home.data / "server.log"

    @property
    def _pid_file(self) -> Path:
        return self.home.folder / "pid"

    def _process(self) -> psutil.Process | None:
        """Our process: the one that was written down or, if we were killed before that, the one with our mark."""
        with contextlib.suppress(FileNotFoundError, ValueError, psutil.NoSuchProcess, psutil.AccessDenied):
            noted = psutil.Process(int(self._pid_file.read_text(encoding="utf-8")))
            if self._mark in noted.cmdline():
                return noted
        return next((p for p in psutil.process_iter(["cmdline"]) if self._mark in (p.info["cmdline"] or ())), None)

    def _launch(self) -> None:
        """Start the process; it does not answer yet."""
        self.home.make()
        files = self._ready()
        self._choose_ports()
        if self._log.exists():
            self._log.replace(self._log.with_name("server.log.before"))
        command, environment = self._command(files)
        done = subprocess.run(
            ["/bin/sh", "-c", DETACHED, str(self._log), *command],
            cwd=self.home.data,
            env={**ENVIRONMENT, **environment},
            start_new_session=True,
            capture_output=True,
            text=True,
            check=True,
        )
        self._pid_file.write_text(done.stdout.strip(), encoding="utf-8")

    def _choose_ports(self) -> None:
        """The ports it had before, so that written settings stay true; others where somebody took one."""
        facts = self.home.recall()
        for name in self.ports:
            while name not in facts or not is_free(facts[name]) or [*facts.values()].count(facts[name]) > 1:
                facts[name] = free_port()
        self.home.remember(**facts)

    def _has_its_ports(self) -> bool:
        """Whether its ports are free: then it was not for a port that it ended."""
        facts = self.home.recall()
        return all(is_free(facts[name]) for name in self.ports)

    def _wait(self) -> bool:
        """Wait until it answers; False if it ended instead."""
        until_s = time.monotonic() + START_S
        while (process := self._process()) is not None:
            if listens(process, self._port) and self._answers():
                return True
            if time.monotonic() > until_s:
                raise SandboxError(
                    f"{self.name} (pid {process.pid}) does not answer on {LOOPBACK}:{self._port} after {START_S} s."
                    f" The end of {self._log}:\n{tail(self._log)}"
                )
            time.sleep(POLL_S)
        return False


def listens(process: psutil.Process, port: int) -> bool:
    """Whether it is this very process that listens on a port of loopback."""
    with contextlib.suppress(psutil.NoSuchProcess):
        sockets = process.net_connections("tcp")
        return any(s.status == psutil.CONN_LISTEN and s.laddr == (LOOPBACK, port) for s in sockets)
    return False


def has_gone(process: psutil.Process) -> bool:
    """Wait for a process to end; False if it does not. One that only waits for init to reap it has ended."""
    until_s = time.monotonic() + STOP_S
    while time.monotonic() < until_s:
        try:
            if process.status() == psutil.STATUS_ZOMBIE or not process.is_running():
                return True
        except psutil.NoSuchProcess:
            return True
        time.sleep(POLL_S / 2)
    return False
