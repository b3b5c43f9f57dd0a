"""`lakestorm demo`: real services, a seeded shop, a sale, catalogue and logins before a pipeline, an audit, in one go.

Nothing is left running. All of it, load included, shares one machine: the periods here are what two cores carry with
the load still on time.
"""

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
from lakestorm.settings import child_environment, usual_values

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from lakestorm.settings import Settings

ROOT = Path(__file__).parents[1]
FOLDER = Path(".sandbox") / "demo"
SERVICES = ("postgres", "kafka", "registry", "connect")
KEEPERS = 2
"""Users who edit the catalogue meanwhile."""
OWN = {
    "FLASHSALE_STOCK": "250",
    "PURCHASE_GEN_EVERY_MS": "200",
    "LOGIN_GEN_EVERY_MS": "200",
    "CANARY_EVERY_MS": "500",
}
"""What the demo has otherwise than elsewhere: of this stock the hot items sell out half-way through the sale."""


def demo(settings: Settings, say: Callable[[str], None]) -> int:
    """Sandbox up, seed, sale, catalogue and logins before a pipeline, sandbox down.

    Returns:
        the exit code of what failed first, or of the verdict.

    Raises:
        UsageError: this is no checkout, or it has no such shape.
        SandboxError: a service does not start.
    """
    steps = (("Filling the shop …", ["seed"]), ("The sale …", ["locust", *locust_options(settings)]))
    sandbox = Sandbox(FOLDER, say)
    with running(sandbox):
        environment = child_environment({**own_values(settings), **sandbox.env()})
        for sentence, arguments in steps:
            say(sentence)
            code = run_to_end([sys.executable, "-m", *arguments], environment)
            if code:
                break
    return code


def locust_options(settings: Settings) -> list[str]:
    """The run as Locust is told of it; raises UsageError where a file of it is missing."""
    scenarios = [ROOT / "locustfiles" / f"{name}.py" for name in ("flashsale", "login", "catalogue")]
    files = [*scenarios, ROOT / "loadshapes" / f"{settings.flashsale.shape}.py"]
    for file in files:
        if not file.exists():
            raise UsageError(f"{file} is not there: the demo runs from a checkout, with a shape of loadshapes/.")
    users = {"FlashSaleUser": settings.flashsale.users, "LoginUser": settings.login.users, "CatalogueUser": KEEPERS}
    weights = [{"user_class_name": name, "weight": count} for name, count in users.items()]
    return [
        "-f", ",".join(os.path.relpath(file) for file in files), "--headless", "--only-summary",
        "--loglevel", "WARNING", "-u", f"{sum(users.values())}", "-t", f"{settings.flashsale.run_time:g}s",
        "--config-users", json.dumps(weights),
    ]  # fmt: skip


def own_values(settings: Settings) -> dict[str, str]:
    """Settings that the demo has otherwise; one that somebody changed stays as it is."""
    usual, said = usual_values(), settings.public()
    return {name: value for name, value in OWN.items() if said[name] == usual[name]}


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
