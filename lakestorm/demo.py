"""`lakestorm demo`: real services, a seeded shop, a sale and logins, an audit, in one go; nothing is left running."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lakestorm.errors import ExitCode, UsageError
from lakestorm.sandbox.box import Sandbox
from lakestorm.settings import child_environment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from lakestorm.settings import Settings

ROOT = Path(__file__).parents[1]
FOLDER = Path(".sandbox") / "demo"
STOCK = "500"
"""Units of each item, where FLASHSALE_STOCK says nothing: the hot ones sell out half-way through the sale."""
SERVICES = ("postgres", "kafka", "registry")


def demo(settings: Settings, say: Callable[[str], None]) -> int:
    """Sandbox up, seed, flash sale and logins, sandbox down; the exit code of what failed first, or of the verdict.

    Raises:
        UsageError: this is no checkout, or it has no such shape.
        SandboxError: the database does not start.
    """
    scenarios = [ROOT / "locustfiles" / f"{name}.py" for name in ("flashsale", "login")]
    files = [*scenarios, ROOT / "loadshapes" / f"{settings.flashsale.shape}.py"]
    for file in files:
        if not file.exists():
            raise UsageError(f"{file} is not there: the demo runs from a checkout, with a shape of loadshapes/.")
    users = settings.flashsale.users + settings.login.users
    load = ["-u", f"{users}", "-t", f"{settings.flashsale.run_time:g}s"]
    loaded = ",".join(os.path.relpath(file) for file in files)
    steps = (
        ("Filling the shop …", ["seed"]),
        ("The sale …", ["locust", "-f", loaded, "--headless", "--only-summary", "--loglevel", "WARNING", *load]),
    )
    sandbox = Sandbox(FOLDER, say)
    with running(sandbox):
        environment = child_environment({"FLASHSALE_STOCK": stock_of(settings), **sandbox.env()})
        for sentence, arguments in steps:
            say(sentence)
            code = run_to_end([sys.executable, "-m", *arguments], environment)
            if code:
                break
    return code


@contextlib.contextmanager
def running(sandbox: Sandbox) -> Iterator[None]:
    """A sandbox with all that the demo needs while the block runs; it is stopped however the block ends."""
    signal.signal(signal.SIGTERM, interrupt)
    try:
        sandbox.up(SERVICES)
        yield
    finally:
        sandbox.down()


def run_to_end(command: Sequence[str], environment: dict[str, str]) -> int:
    """Run a process to its end, also if we are interrupted meanwhile: it has orders to settle and files to write."""
    with subprocess.Popen(command, env=environment) as child:
        try:
            return child.wait()
        except KeyboardInterrupt as told:
            if told.args:  # a signal to us alone; Ctrl-C reaches the child by itself
                child.terminate()
            return child.wait() or ExitCode.INTERRUPTED


def interrupt(number: int, _frame: Any) -> None:
    """End as Ctrl-C would, when told by a signal."""
    raise KeyboardInterrupt(number)


def stock_of(settings: Settings) -> str:
    """Units of each item at the start."""
    return STOCK if settings.flashsale.stock is None else str(settings.flashsale.stock)
