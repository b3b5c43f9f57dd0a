"""`python -m sysload`: pressure on the host until it is stopped, or for `--duration` seconds."""

from __future__ import annotations

import argparse
import contextlib
import functools
import math
import signal
import sys
import threading
from typing import TYPE_CHECKING

from rich.console import Console

from lakestorm.errors import ExitCode, exit_on_error
from lakestorm.settings import Settings
from sysload.assembly import checked
from sysload.status import StatusLine, View

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from sysload.second import Sink

EPILOG = """examples:
  SYSLOAD_CPU_PERCENT=40 SYSLOAD_MEMORY_MB=300 python -m sysload --duration 60
  SYSLOAD_CPU_PERCENT=80 SYSLOAD_PHASES=waves python -m sysload --watch

Settings come from .env and the environment: SYSLOAD_*, MINIO_*. SIGTERM and Ctrl-C end it within two seconds.
Ends with 0 when the time is over or it was told to stop, 2 on wrong usage, 5 if settings are wrong.
"""


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(
        prog="python -m sysload",
        description="Take a set share of CPU, memory and disk bandwidth, watch health checks, and keep a record.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--duration", type=seconds, metavar="S", help="end after so many seconds of pressure")
    top.add_argument("--watch", action="store_true", help="draw each second on the terminal")
    return top


def seconds(text: str) -> float:
    """A number of seconds > 0; argparse tells a ValueError."""
    value = float(text)
    if not 0 < value < math.inf:
        raise ValueError(text)
    return value


def run(argv: Sequence[str] | None = None) -> int:
    """Parse, check, press; returns the exit code."""
    arguments = parser().parse_args(argv)
    settings = Settings.load()
    console = Console(stderr=True)
    say = functools.partial(console.print, markup=False, highlight=False, soft_wrap=True)
    with stopped_by_signals() as stop:
        parts = checked(settings, arguments.duration, say)
        say(parts.words())
        shown = shown_by(console, say, settings.sysload.status_every_s, is_watched=arguments.watch)
        parts.go(shown, stop, say)
    return ExitCode.PASSED


def shown_by(console: Console, say: Callable[[str], None], every_s: float, *, is_watched: bool) -> Sink:
    """What people see: with `--watch` a view, or where there is no terminal a line each second."""
    if is_watched and console.is_terminal and not console.no_color:
        return View(console)
    return StatusLine(1.0 if is_watched else every_s, say)


@contextlib.contextmanager
def stopped_by_signals() -> Iterator[threading.Event]:
    """An event that SIGTERM and SIGINT set; a second signal changes nothing, as the end is under way."""
    stop = threading.Event()
    before = {name: signal.signal(name, lambda *_: stop.set()) for name in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stop
    finally:
        for name, handler in before.items():
            signal.signal(name, handler)


if __name__ == "__main__":
    sys.exit(exit_on_error(run))
