"""`python -m lakestorm.probes`: asks every probe that the settings turn on, until the run that started it is over.

Settings come from the environment, as everywhere; the run's key from the command line. Messages go to standard output
(see stream.py); on standard input the run says when its load begins and when to finish, and its end (the run has ended,
was killed, or crashed) ends this process at once.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from lakestorm.errors import ExitCode, exit_on_error
from lakestorm.model.orders import RunKey
from lakestorm.probes.lineup import companions_of, lanes_of
from lakestorm.probes.stream import FINISH, START, Hello, line_of
from lakestorm.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lakestorm.probes.asking import Lane
    from lakestorm.probes.lineup import Companion
    from lakestorm.probes.stream import Message

STDIN, STDOUT = 0, 1
SWITCH_S = 0.0005
"""A thread with something to time waits so long for one that works out an answer; Python's own is ten times that."""


class Pipe:
    """Writes whole lines to the run, from any thread; without a reader the process has no purpose and ends."""

    def __init__(self, file: int) -> None:
        self._file = file
        self._lock = threading.Lock()

    def tell(self, message: Message) -> None:
        """Send one message; waits while the run does not read."""
        line = line_of(message)
        with self._lock:
            try:
                while line:
                    line = line[os.write(self._file, line) :]
            except BrokenPipeError:
                os._exit(ExitCode.PASSED)


def main() -> int:
    """Ask until told to finish."""
    parser = argparse.ArgumentParser(prog="python -m lakestorm.probes", description=__doc__)
    parser.add_argument("--run", required=True, metavar="KEY", help="the run's key, 15 hexadecimal digits")
    parser.add_argument("--folder", required=True, type=Path, help="of its results")
    arguments = parser.parse_args()
    key = RunKey.from_hex(arguments.run)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the run says when it is over
    sys.setswitchinterval(SWITCH_S)
    settings = Settings.load()
    pipe = Pipe(STDOUT)
    lanes, companions = lanes_of(settings, pipe.tell), companions_of(settings, key, arguments.folder, pipe.tell)
    for lane in lanes:
        lane.start()
    pipe.tell(
        Hello(
            probes=[probe.name for lane in lanes for probe in lane.probes],
            requests=[name for companion in companions for name in companion.requests],
        )
    )
    threading.Thread(target=watch, args=(lanes, settings.pipeline.probe_every_s), daemon=True).start()
    obey(companions)
    return ExitCode.PASSED


def watch(lanes: Sequence[Lane], every_s: float) -> None:
    """Say, once a period, which lanes have no answer."""
    pause = threading.Event()
    while not pause.wait(every_s):
        for lane in lanes:
            lane.tell_overdue()


def obey(companions: Sequence[Companion]) -> None:
    """Do what the run says until it says no more: it has ended, was killed, or crashed."""
    said = b""
    while data := os.read(STDIN, 4096):
        *words, said = (said + data).split(b"\n")
        if START in words:
            for companion in companions:
                companion.start()
        if FINISH in words:
            threading.Thread(target=finish, args=(companions,), daemon=True).start()


def finish(companions: Sequence[Companion]) -> None:
    """End what is outstanding, then the process: threads may still be inside a driver that does not answer."""
    for companion in companions:
        companion.finish()
    os._exit(ExitCode.PASSED)


if __name__ == "__main__":
    code = exit_on_error(main)
    sys.stderr.flush()
    os._exit(code)
