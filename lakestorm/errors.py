"""Every error lakestorm raises on purpose, and the exit code each ends a process with.

    LakestormError                 1  the suite itself broke
    ├── UsageError                 2  the command line asks for something that does not exist
    ├── SettingsError              5  one or more settings are wrong; carries all of them
    │   └── ThresholdsError        5  the thresholds file is wrong
    ├── UnreachableError           5  a needed service does not answer
    ├── PlatformError              5  a service answers, but is not what the load needs (tables, rights …)
    ├── SeedError                  1  seeding stopped half-way
    ├── ProbeError                 1  a probe has no answer; ends nothing, it becomes an error in the readings
    ├── SandboxError               1  a local service could not be started or stopped
    └── ResultsError               2  a results folder is missing, incomplete or of another format

Errors of drivers keep their own class. Verdicts are not errors: `ExitCode` has theirs.
"""

from __future__ import annotations

import enum
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class ExitCode(enum.IntEnum):
    """How every lakestorm process ends."""

    PASSED = 0
    BROKE = 1
    USAGE = 2
    FAILED = 3
    UNKNOWN = 4
    SETTINGS = 5
    INTERRUPTED = 130
    """Ctrl-C before a run began, as shells have it; a run that began ends by its verdict."""


class LakestormError(Exception):
    """Something a user can act on; its text is a whole sentence."""

    exit_code = ExitCode.BROKE


class UsageError(LakestormError):
    """The command line asks for something that does not exist."""

    exit_code = ExitCode.USAGE


class SettingsError(LakestormError):
    """Settings that are wrong, all of them at once.

    Args:
        problems: one sentence a setting, each naming it, its value and what is allowed.
    """

    exit_code = ExitCode.SETTINGS

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


class ThresholdsError(SettingsError):
    """The thresholds file is wrong."""


class UnreachableError(LakestormError):
    """A needed service does not answer."""

    exit_code = ExitCode.SETTINGS


class PlatformError(LakestormError):
    """A service answers, but is not what the load needs."""

    exit_code = ExitCode.SETTINGS


class SeedError(LakestormError):
    """Seeding stopped half-way."""


class ProbeError(LakestormError):
    """A probe has no answer."""


class SandboxError(LakestormError):
    """A local service could not be started or stopped."""


class ResultsError(LakestormError):
    """A results folder is missing, incomplete or of another format."""

    exit_code = ExitCode.USAGE


def exit_on_error(main: Callable[[], int]) -> int:
    """Run `main`; on an error of ours print its sentences on stderr and return its exit code.

    Anything else is a bug and keeps its traceback.
    """
    try:
        return main()
    except LakestormError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        # Where Ctrl-C met an `exec`, as dataclasses use it at import, `python -m` dies of SIGINT in the end, though it
        # was caught; the next `exec` makes Python forget it.
        exec("")  # noqa: S102 - see above
        print("Interrupted.", file=sys.stderr)
        return ExitCode.INTERRUPTED
