"""`python -m seed [schema|load|verify|erase]`; without a verb: schema, load, verify."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

import psycopg2

from lakestorm.errors import ExitCode, SeedError, exit_on_error
from lakestorm.settings import Settings
from seed import erasing, loading, schema, verifying
from seed.progress import say
from seed.waiting import connect_when_up

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lakestorm.clients.postgres import Backend

EPILOG = """examples:
  python -m seed                                    make the tables, fill them, check them; again: nothing to do
  USERS_SEED_COUNT=1000000 python -m seed load      a larger shop: what is missing is added
  python -m seed schema --alter                     add our columns to tables of another generator
  python -m seed erase --yes                        empty the shop

Settings come from .env and the environment: POSTGRES_*, USERS_SEED_COUNT, ITEM_SEED_COUNT, RANDOM_SEED, SEED_*.
Ends with 0 if all is well, 1 if it stopped half-way, 2 on wrong usage, 3 if verify finds something wrong, 5 if
settings, database or the rows in it do not fit.
"""


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(
        prog="python -m seed",
        description="Fill PostgreSQL with users and items for a load to buy.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.set_defaults(run=run_all)
    verbs = top.add_subparsers(metavar="VERB")
    make = verbs.add_parser("schema", help="make the tables, or check those that are there")
    make.add_argument("--alter", action="store_true", help="add the columns that tables of others lack")
    make.set_defaults(run=run_schema)
    verbs.add_parser("load", help="write the rows that are missing").set_defaults(run=run_load)
    verbs.add_parser("verify", help="prove counts, keys and stock by counting").set_defaults(run=run_verify)
    empty = verbs.add_parser("erase", help="empty the shop, purchases too")
    empty.add_argument("--yes", action="store_true", help="do not ask")
    empty.set_defaults(run=run_erase)
    return top


def run_all(backend: Backend, settings: Settings, arguments: argparse.Namespace) -> int:
    """Schema, load, verify."""
    steps = (run_schema, run_load, run_verify)
    return next((code for step in steps if (code := step(backend, settings, arguments))), ExitCode.PASSED)


def run_schema(backend: Backend, settings: Settings, arguments: argparse.Namespace) -> int:
    """Tables, and the publication if one is named."""
    schema.create(backend, alter=getattr(arguments, "alter", False))
    if settings.seed.seed_publication:
        schema.publish(backend, settings.seed.seed_publication)
    say(f"The tables are in {settings.postgres.db} at {settings.postgres.host}:{settings.postgres.port}.")
    return ExitCode.PASSED


def run_load(backend: Backend, settings: Settings, _arguments: argparse.Namespace) -> int:
    """Rows."""
    schema.require(backend)
    written = loading.load(backend, settings)
    for table, asked in loading.counts_asked(settings).items():
        say(f"{table}: {asked:,} rows, {written[table]:,} of them written now.")
    return ExitCode.PASSED


def run_verify(backend: Backend, settings: Settings, _arguments: argparse.Namespace) -> int:
    """Proof, one line a check on standard output; 3 if one does not hold."""
    schema.require(backend)
    found = verifying.verify(backend, loading.counts_asked(settings), settings.run.random_seed)
    print("\n".join(finding.line for finding in found))
    return ExitCode.PASSED if all(finding.holds for finding in found) else ExitCode.FAILED


def run_erase(backend: Backend, settings: Settings, arguments: argparse.Namespace) -> int:
    """Empty tables."""
    schema.require(backend)
    is_gone = erasing.erase(backend, settings.postgres, is_sure=arguments.yes)
    say("The shop is empty." if is_gone else "Nothing was deleted.")
    return ExitCode.PASSED


def run(argv: Sequence[str] | None = None) -> int:
    """Parse, connect, do; returns the exit code."""
    arguments = parser().parse_args(argv)
    settings = Settings.load()
    backend = connect_when_up(settings.postgres, settings.seed.seed_wait_s)
    try:
        return int(arguments.run(backend, settings, arguments))
    except psycopg2.OperationalError as error:
        raise SeedError(f"The seed stopped. {schema.words_of(error)} Run it again: it goes on from there.") from error
    except KeyboardInterrupt:
        say("Stopped. What is written stays: run it again, and it goes on from there.")
        return ExitCode.BROKE
    finally:
        backend.close()


if __name__ == "__main__":
    sys.exit(exit_on_error(run))
