"""`lakestorm …`: parse, call, print. Each verb is one function here and one module below that does the work."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from lakestorm.errors import ExitCode, exit_on_error
from lakestorm.report.audit import audit
from lakestorm.report.terminal import equation
from lakestorm.settings import Settings


def parser() -> argparse.ArgumentParser:
    """The command line, one sub-command a verb."""
    top = argparse.ArgumentParser(prog="lakestorm", description=__doc__.partition(":")[0])
    verbs = top.add_subparsers(dest="verb", required=True, metavar="VERB")
    audit_verb = verbs.add_parser("audit", help="check a run's orders against the database again")
    audit_verb.add_argument("run", type=Path, help="results folder, e.g. results/latest")
    audit_verb.add_argument("--quiet", action="store_true", help="write ledger.json only")
    audit_verb.set_defaults(run_verb=run_audit)
    return top


def run_audit(arguments: argparse.Namespace) -> int:
    """`lakestorm audit RUN`: 0 the books balance, 3 they do not, 4 it cannot be known."""
    ledger = audit(arguments.run, Settings.load().postgres)
    if not arguments.quiet:
        print(equation(ledger), *ledger["reasons"], sep="\n")
    codes = {"closed": ExitCode.PASSED, "open": ExitCode.FAILED}
    return codes.get(ledger["state"], ExitCode.UNKNOWN)


def main() -> int:
    """Entry point of the console script; returns the exit code."""
    arguments = parser().parse_args()
    return exit_on_error(lambda: int(arguments.run_verb(arguments)))


if __name__ == "__main__":
    sys.exit(main())
