"""The image's entrypoint: a role and the settings make one command, which takes this process's place.

    entrypoint.py ROLE [ARGUMENT …]      arguments go to the role's own command line

The command replaces this process (`exec`), so that signals reach it and its exit code is the container's.
"""  # noqa: INP001 - a script of the image, imported by nothing

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from lakestorm.errors import SettingsError, UsageError, exit_on_error
from lakestorm.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lakestorm.settings import FlashSaleSettings, LoginSettings

ROOT = Path(__file__).parents[1]
"""Where `locustfiles/` and `loadshapes/` are; commands are started there."""
MASTER_HOST = "locust-master"
"""The master's name in the compose file, which is its host name for the workers."""


def command(role: str, arguments: Sequence[str], settings: Settings) -> list[str]:
    """Python's arguments for a role.

    Raises:
        UsageError: there is no such role.
        SettingsError: a setting names a file that is not there.
    """
    if role not in ROLES:
        raise UsageError(f"{role or 'Nothing'} is no role of this image. There are {', '.join(ROLES)}.")
    return [*ROLES[role](settings), *arguments]


def headless(scenario: str, prefix: str, part: FlashSaleSettings | LoginSettings) -> list[str]:
    """One run without a page, of a scenario's own users, shape and time."""
    files = f"locustfiles/{scenario}.py,{shape_file(f'{prefix}_SHAPE', part.shape)}"
    load = ["-u", str(part.users), "-t", f"{round(part.run_time)}s"]
    return ["-m", "locust", "-f", files, "--headless", "--only-summary", *load]


def shape_file(setting: str, name: str) -> str:
    """The path of a load shape, from the root."""
    known = shape_names()
    if name not in known:
        raise SettingsError([f'{setting} is "{name}": a load shape is wanted, one of {", ".join(known)}.'])
    return f"loadshapes/{name}.py"


def shape_names() -> list[str]:
    """The load shapes that there are, sorted."""
    return sorted(file.stem for file in (ROOT / "loadshapes").glob("*.py"))


def master(settings: Settings) -> list[str]:
    """Locust's page. Where the scenarios name no load shape, its form has all of them for each run to pick from."""
    files = distributed_files(settings)
    if any(file.startswith("loadshapes/") for file in files):
        return ["-m", "locust", "-f", ",".join(files), "--master"]
    shapes = [f"loadshapes/{name}.py" for name in shape_names()]
    return ["-m", "locust", "-f", ",".join([*files, *shapes]), "--class-picker", "--master"]


def worker(settings: Settings) -> list[str]:
    """Locust on the master's scenarios. Shapes are the master's business alone."""
    return ["-m", "locust", "-f", ",".join(distributed_files(settings)), "--worker", "--master-host", MASTER_HOST]


def distributed_files(settings: Settings) -> list[str]:
    """What LOCUST_SCENARIOS names, for master and workers alike."""
    return [scenario_file(name) for name in settings.containers.locust_scenarios.split(",")]


def scenario_file(name: str) -> str:
    """The path of a scenario or of a load shape, from the root."""
    for folder in ("locustfiles", "loadshapes"):
        if (ROOT / folder / f"{name}.py").exists():
            return f"{folder}/{name}.py"
    raise SettingsError(
        [f'LOCUST_SCENARIOS names "{name}": no file of locustfiles/ or loadshapes/ is called {name}.py.']
    )


ROLES: dict[str, Callable[[Settings], list[str]]] = {
    "items-loadgen": lambda _: ["-m", "seed"],
    "flashsale-loadgen": lambda settings: headless("flashsale", "FLASHSALE", settings.flashsale),
    "login-loadgen": lambda settings: headless("login", "LOGIN", settings.login),
    "loadgen": lambda _: ["-m", "sysload"],
    "locust-master": master,
    "locust-worker": worker,
    "platform-init": lambda _: ["deploy/platform_init.py"],
    "lakestorm": lambda _: ["-m", "lakestorm.cli"],
}
"""{role: Python's arguments from the settings}; all but the last two are services that users know by these names."""


def main() -> int:
    """Become the role's command; returns only if that is refused."""
    role, arguments = "".join(sys.argv[1:2]), sys.argv[2:]
    line = [sys.executable, *command(role, arguments, Settings.load())]
    os.chdir(ROOT)
    os.execv(sys.executable, line)  # noqa: S606 - no shell is what is wanted


if __name__ == "__main__":
    sys.exit(exit_on_error(main))
