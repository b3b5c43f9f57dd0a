"""`lakestorm …`: parse, call, print. Each verb is one function here and one module below that does the work."""

from __future__ import annotations

import argparse
import sys

from lakestorm.errors import exit_on_error


def parser() -> argparse.ArgumentParser:
    """The command line, one sub-command a verb."""
    top = argparse.ArgumentParser(prog="lakestorm", description=__doc__.partition(":")[0])
    top.add_subparsers(dest="verb", required=True, metavar="VERB")
    return top


def main() -> int:
    """Entry point of the console script; returns the exit code."""
    arguments = parser().parse_args()
    return exit_on_error(lambda: int(arguments.run(arguments)))


if __name__ == "__main__":
    sys.exit(main())
