"""`lakestorm demo`: real services, a seeded shop, a sale and logins, an audit, in one go; nothing is left running."""

from __future__ import annotations

import contextlib
import json
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
STOCK = "200"
"""Units of each item, where FLASHSALE_STOCK says nothing: the hot ones sell out half-way through the sale."""
SERVICES = ("postgres", "kafka", "registry", "connect")
SLOWER = 3
"""The periods of shoppers and logins times this: five services share the machine with the load, and it shall be on time."""
KEEPERS = 2
"""Users who edit the catalogue meanwhile."""
CANARY_EVERY_MS = "500"
"""How often a marked order times the pipeline, where CANARY_EVERY_MS says nothing."""


def demo(settings: Settings, say: Callable[[str], None]) -> int:
    """Sandbox up, seed, sale, catalogue and logins before a pipeline, sandbox down.

    Returns:
        the exit code of what failed first, or of the verdict.

    Raises:
        UsageError: this is no checkout, or it has no such shape.
        SandboxError: the database does not start.
    """
    scenarios = [ROOT / "locustfiles" / f"{name}.py" for name in ("flashsale", "login", "catalogue")]
    files = [*scenarios, ROOT / "loadshapes" / f"{settings.flashsale.shape}.py"]
    for file in files:
        if not file.exists():
            raise UsageError(f"{file} is not there: the demo runs from a checkout, with a shape of loadshapes/.")
    users = {"FlashSaleUser": settings.flashsale.users, "LoginUser": settings.login.users, "CatalogueUser": KEEPERS}
    weights = [{"user_class_name": name, "weight": count} for name, count in users.items()]
    load = ["-u", f"{sum(users.values())}", "-t", f"{settings.flashsale.run_time:g}s"]
    load += ["--config-users", json.dumps(weights)]
    loaded = ",".join(os.path.relpath(file) for file in files)
    steps = (
        ("Filling the shop …", ["seed"]),
        ("The sale …", ["locust", "-f", loaded, "--headless", "--only-summary", "--loglevel", "WARNING", *load]),
    )
    sandbox = Sandbox(FOLDER, say)
    with running(sandbox):
        canary = str(settings.pipeline.canary_every_ms or CANARY_EVERY_MS)
        asked = {
            "FLASHSALE_STOCK": stock_of(settings),
            "CANARY_EVERY_MS": canary,
            "PURCHASE_GEN_EVERY_MS": str(SLOWER * settings.purchase.gen_every_ms),
            "LOGIN_GEN_EVERY_MS": str(SLOWER * settings.login.gen_every_ms),
        }
        environment = child_environment({**asked, **sandbox.env()})
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
