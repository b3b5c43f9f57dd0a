"""The seed on a real PostgreSQL: it goes on where it was stopped, changes nothing twice, and proves what it did."""

from __future__ import annotations

import re
import socket
import time
from typing import TYPE_CHECKING, Any

import pytest

from lakestorm.model import catalogue, people
from seed.names import name_book
from seed.verifying import CHECKS
from tests.integration.locust_process import open_database, rows
from tests.integration.seed_process import (
    SMALL,
    SeedProcess,
    checksums,
    is_exactly,
    lines_of,
    run_seed,
    versions,
    wait_for_users,
)

if TYPE_CHECKING:
    from pathlib import Path

USERS = 80_000
SLOW = {"USERS_SEED_COUNT": str(USERS), "ITEM_SEED_COUNT": "100", "SEED_BATCH_ROWS": "500"}
"""Enough rows, in chunks small enough, to be disturbed in the middle."""
KILLED_AT = 4000


def test_a_shop_is_made_and_proved(database: dict[str, str], tmp_path: Path) -> None:
    """From an empty database: the rows are those that the model says, every check is printed, nothing is secret."""
    done = run_seed(env={**database, **SMALL}, cwd=tmp_path)
    assert done.code == 0, done.err
    assert is_exactly(database, users=1000, items=50)
    assert done.written == {"users": 1000, "items": 50}
    assert [line.split()[0] for line in lines_of(done.out)] == ["ok"] * len(CHECKS)
    assert database["POSTGRES_PASSWORD"] not in done.out + done.err
    users = people.users(1, 1, 1000, name_book())
    found = rows(database, "SELECT id, first_name, last_name, email, is_vip FROM users ORDER BY id")
    assert found == list(zip(users.ids, users.first_names, users.last_names, users.emails, users.are_vip, strict=True))
    items = catalogue.items(1, 1, 50)
    found = rows(database, "SELECT id, name, category, (price * 100)::int, inventory FROM items ORDER BY id")
    assert found == list(zip(items.ids, items.names, items.categories, items.prices_cents, items.stock, strict=True))


def test_a_second_run_changes_nothing(shop: dict[str, str], tmp_path: Path) -> None:
    """Seeding what is seeded touches no row: transaction and place of each stay, in all three tables."""
    before = versions(shop)
    done = run_seed(env=shop, cwd=tmp_path)
    assert done.code == 0, done.err
    assert done.written == {"users": 0, "items": 0}
    assert versions(shop) == before


@pytest.mark.parametrize("processes", [1, 3])
def test_a_killed_run_goes_on_where_it_stopped(database: dict[str, str], tmp_path: Path, processes: int) -> None:
    """SIGKILL in the middle, then again: exactly the rows asked for, none twice, and what was written stays."""
    env = {**database, **SLOW, "SEED_PROCESSES": str(processes)}
    with SeedProcess(env=env, cwd=tmp_path) as seed:
        wait_for_users(env, KILLED_AT, seed)
        seed.kill()
    kept = rows(env, "SELECT id, xmin::text FROM users ORDER BY id LIMIT 1000")
    assert KILLED_AT <= rows(env, "SELECT count(*) FROM users")[0][0] < USERS
    done = run_seed(env=env, cwd=tmp_path)
    assert done.code == 0, done.err
    assert is_exactly(env, users=USERS, items=100)
    assert 0 < done.written["users"] <= USERS - KILLED_AT
    assert done.written["items"] == 0
    assert rows(env, "SELECT id, xmin::text FROM users ORDER BY id LIMIT 1000") == kept
    assert "WRONG" not in done.out


@pytest.mark.parametrize("processes", [1, 2])
def test_an_interrupted_run_says_so(database: dict[str, str], tmp_path: Path, processes: int) -> None:
    """Ctrl-C ends it with 1, one sentence and no traceback, workers and all; again, and it is whole."""
    env = {**database, **SLOW, "SEED_PROCESSES": str(processes)}
    with SeedProcess(env=env, cwd=tmp_path) as seed:
        wait_for_users(env, KILLED_AT, seed)
        seed.interrupt()
        done = seed.wait()
    assert done.code == 1, done.err
    assert "Stopped. What is written stays: run it again" in done.err
    assert "Traceback" not in done.err
    assert rows(env, "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'lakestorm seed'") == [(0,)]
    assert run_seed(env=env, cwd=tmp_path, seed_processes=1).code == 0
    assert is_exactly(env, users=USERS, items=100)


@pytest.mark.parametrize("processes", [1, 2])
def test_a_server_that_dies_in_the_middle(own_postgres: Any, tmp_path: Path, processes: int) -> None:
    """The server is SIGKILLed: the seed ends with 1 and a sentence; when it is back, the seed goes on."""
    env = {**own_postgres.env, **SLOW, "SEED_PROCESSES": str(processes)}
    with SeedProcess(env=env, cwd=tmp_path) as seed:
        wait_for_users(env, KILLED_AT, seed)
        own_postgres.kill()
        done = seed.wait()
    assert done.code == 1, done.err
    assert "PostgreSQL says: " in done.err
    assert "it goes on from there." in done.err
    assert "Traceback" not in done.err
    own_postgres.start()
    again = run_seed(env=env, cwd=tmp_path)
    assert again.code == 0, again.err
    assert is_exactly(env, users=USERS, items=100)


@pytest.mark.parametrize("processes", [1, 2])
def test_a_row_that_the_server_refuses(database: dict[str, str], tmp_path: Path, processes: int) -> None:
    """A refusal in the middle ends it with 1, naming the rows and the server's words; once mended, it goes on."""
    env = {**database, **SMALL, "SEED_BATCH_ROWS": "100", "SEED_PROCESSES": str(processes)}
    assert run_seed("schema", env=env, cwd=tmp_path).code == 0
    rows(env, "ALTER TABLE users ADD CONSTRAINT house_rule CHECK (id <> 555)")
    done = run_seed(env=env, cwd=tmp_path)
    assert done.code == 1, done.err
    assert "users 501 to 600 could not be written. PostgreSQL says: " in done.err
    assert "house_rule" in done.err
    assert "Traceback" not in done.err
    rows(env, "ALTER TABLE users DROP CONSTRAINT house_rule")
    assert run_seed(env=env, cwd=tmp_path).code == 0
    assert is_exactly(env, users=1000, items=50)


def test_a_larger_shop_is_the_old_one_and_more(shop: dict[str, str], tmp_path: Path) -> None:
    """Asked for more, it adds the difference and leaves old rows as they are; asked for less, it refuses."""
    before = versions(shop)
    done = run_seed(env=shop, cwd=tmp_path, users_seed_count=3000, item_seed_count=80)
    assert done.code == 0, done.err
    assert done.written == {"users": 2000, "items": 30}
    assert is_exactly(shop, users=3000, items=80)
    after = versions(shop)
    assert after[0][:1000] == before[0]
    assert after[1][:50] == before[1]
    less = run_seed(env=shop, cwd=tmp_path, users_seed_count=500, item_seed_count=80)
    assert less.code == 5
    assert "USERS_SEED_COUNT is 500: users was filled with 3000 rows before" in less.err
    assert versions(shop) == after
    other = run_seed(env=shop, cwd=tmp_path, users_seed_count=3000, item_seed_count=80, random_seed=2)
    assert other.code == 5
    assert "filled with RANDOM_SEED=1, and RANDOM_SEED is 2 now" in other.err
    assert versions(shop) == after


def test_rows_do_not_depend_on_how_they_are_made(shop: dict[str, str], tmp_path: Path) -> None:
    """Batches of any size, several processes, or growth in steps give the same rows; another seed gives others."""
    wanted = checksums(shop)
    for settings in ({"seed_batch_rows": 7}, {"seed_batch_rows": 101, "seed_processes": 3}, {"random_seed": 2}):
        assert run_seed("erase", "--yes", env=shop, cwd=tmp_path).code == 0
        assert checksums(shop) == (None, None)
        if "seed_processes" in settings:
            assert run_seed("load", env=shop, cwd=tmp_path, users_seed_count=123, item_seed_count=7).code == 0
        done = run_seed(env=shop, cwd=tmp_path, **settings)
        assert done.code == 0, done.err
        assert (checksums(shop) == wanted) is ("random_seed" not in settings)


def test_two_seeds_at_once(database: dict[str, str], tmp_path: Path) -> None:
    """Two that start together on an empty database both end well, and each row was written by one of them."""
    env = {**database, **SLOW, "USERS_SEED_COUNT": "30000"}
    with SeedProcess(env=env, cwd=tmp_path) as one, SeedProcess(env=env, cwd=tmp_path) as two:
        done = [one.wait(), two.wait()]
    assert [seed.code for seed in done] == [0, 0], [seed.err for seed in done]
    assert is_exactly(env, users=30_000, items=100)
    assert sorted(seed.written["users"] for seed in done) == [0, 30_000]


def test_memory_does_not_grow_with_the_shop(database: dict[str, str], tmp_path: Path) -> None:
    """Four times as many users take as much memory as a fourth of them."""
    env = {**database, "ITEM_SEED_COUNT": "10", "SEED_PROCESSES": "1"}
    small = run_seed(env=env, cwd=tmp_path, users_seed_count=50_000)
    large = run_seed(env=env, cwd=tmp_path, users_seed_count=250_000)
    assert (small.code, large.code) == (0, 0), large.err
    assert large.written["users"] == 200_000
    assert large.peak_bytes < 1.1 * small.peak_bytes


def test_a_database_that_comes_up_late(own_postgres: Any, tmp_path: Path) -> None:
    """As an init container: it tries again after growing pauses, saying why, and ends with 0 when it is there."""
    own_postgres.kill()
    env = {**own_postgres.env, **SMALL, "SEED_WAIT_S": "40"}
    with SeedProcess(env=env, cwd=tmp_path) as seed:
        seed.wait_for("Trying again in", times=3)
        own_postgres.start()
        done = seed.wait()
    assert done.code == 0, done.err
    pauses = [float(found) for found in re.findall(r"Trying again in ([\d.]+) s, for \d+ s more\.", done.err)]
    assert pauses[:3] == [0.25, 0.5, 1.0]
    assert max(pauses) <= 5.0
    assert is_exactly(env, users=1000, items=50)


@pytest.mark.parametrize("wait_s", [0, 1.5])
def test_a_database_that_never_comes(tmp_path: Path, wait_s: float) -> None:
    """Where nothing listens it gives up when SEED_WAIT_S have passed, with 5, host and port, and no traceback."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    started = time.monotonic()
    done = run_seed(env={"POSTGRES_HOST": "127.0.0.1", "POSTGRES_PORT": str(port)}, cwd=tmp_path, seed_wait_s=wait_s)
    assert wait_s <= time.monotonic() - started < wait_s + 5
    assert done.code == 5
    assert f"PostgreSQL at 127.0.0.1:{port}" in done.err
    assert done.err.count("Trying again") == (0 if not wait_s else 3)
    assert "Traceback" not in done.err


def test_a_lock_held_elsewhere_is_waited_for(shop: dict[str, str], tmp_path: Path) -> None:
    """While another seed is at work, this one says that it waits, and then finds nothing to do."""
    other = open_database(shop)
    with other.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", (0x5EED_0002,))
        with SeedProcess("load", env=shop, cwd=tmp_path) as seed:
            seed.wait_for("Another seed is at work on this database; waiting for it to end.")
            cursor.execute("SELECT pg_advisory_unlock(%s)", (0x5EED_0002,))
            done = seed.wait()
    other.close()
    assert done.code == 0, done.err
    assert done.written == {"users": 0, "items": 0}
