"""`lakestorm …`: parse, call, print.

Whatever takes a while to import is imported inside of `main`, where Ctrl-C ends it as it ends a verb.
"""

from __future__ import annotations

from lakestorm.errors import exit_on_error


def main() -> int:
    """Entry point of the console script; returns the exit code."""
    return exit_on_error(run)


def run() -> int:
    """Read the command line and do what it says."""
    from lakestorm.cli.command_line import parser  # noqa: PLC0415 - see above

    arguments = parser().parse_args()
    return int(arguments.run_verb(arguments))
