"""Rows: what is missing is found and written; what is there stays."""

from __future__ import annotations

import contextlib
import itertools
import time
from typing import TYPE_CHECKING

from lakestorm.errors import PlatformError, SettingsError
from seed import workers
from seed.names import name_book
from seed.progress import progress, say
from seed.rows import RowMaker
from seed.workers import Chunk, Crew, copy_chunk, process_count

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from lakestorm.clients.postgres import Backend
    from lakestorm.settings import Settings

LOCK = 0x5EED_0002
"""Advisory lock of the one run that loads."""

COUNT_SETTINGS = {"items": "ITEM_SEED_COUNT", "users": "USERS_SEED_COUNT"}
Gap = tuple[int, int]
"""First and last id of rows that are missing."""


def counts_asked(settings: Settings) -> dict[str, int]:
    """Rows wanted, by table."""
    return {"items": settings.seed.item_seed_count, "users": settings.seed.users_seed_count}


def load(backend: Backend, settings: Settings) -> dict[str, int]:
    """Write the rows that are missing; how many, by table.

    Only one run loads at a time; a second waits for the first, and then finds nothing to do.

    Raises:
        PlatformError: rows that are there are not this seed's.
        SettingsError: fewer rows are asked for than were before.
        SeedError: the server refuses or went away half-way.
    """
    rows = RowMaker(settings.run.random_seed, name_book())
    with alone(backend):
        asked = counts_asked(settings)
        for table, count in asked.items():
            refuse_other_rows(backend, table, count, rows.seed)
        gaps = {table: missing(backend, table, count) for table, count in asked.items()}
        totals = {table: sum(last - first + 1 for first, last in gaps[table]) for table in asked}
        for table, count in asked.items():
            note(backend, table, count, rows, adds=totals[table] > 0)
        if any(totals.values()):
            write(backend, settings, rows, gaps, totals)
    return totals


@contextlib.contextmanager
def alone(backend: Backend) -> Iterator[None]:
    """While no other run loads, and no worker of a killed one still writes."""
    with backend.cursor() as cursor:
        for tries in itertools.count():
            cursor.execute("SELECT pg_try_advisory_lock(%s)", (LOCK,))
            if cursor.fetchone() == (True,):
                break
            if tries == 0:
                say("Another seed is at work on this database; waiting for it to end.")
            time.sleep(0.5)
        cursor.execute("SELECT pg_advisory_lock(%s), pg_advisory_unlock(%s)", (workers.LOCK, workers.LOCK))
        try:
            yield
        finally:
            if not backend.closed:
                cursor.execute("SELECT pg_advisory_unlock(%s)", (LOCK,))


def refuse_other_rows(backend: Backend, table: str, count: int, seed: int) -> None:
    """Raise unless every row of ids 1 to count is ours or missing."""
    with backend.cursor() as cursor:
        cursor.execute("SELECT random_seed, row_count FROM lakestorm_seed WHERE table_name = %s", (table,))
        seeded, rows = cursor.fetchone() or (None, 0)
        _refuse_other_settings(table, count, seed, seeded, rows)
        range_ = "" if seeded is None else f"WHERE id > {rows} AND id <= {count}"
        cursor.execute(f"SELECT id FROM {table} {range_} ORDER BY id LIMIT 1")  # noqa: S608 - names and numbers of ours
        found = cursor.fetchone()
    if found:
        raise PlatformError(
            f"{table} has rows that this seed did not write, such as id {found[0]}: they would be mixed with it."
            " A load buys from any rows that are there, without a seed; or give it a database of its own."
        )


def _refuse_other_settings(table: str, count: int, seed: int, seeded: int | None, rows: int) -> None:
    if seeded not in (None, seed):
        raise PlatformError(
            f"{table} was filled with RANDOM_SEED={seeded}, and RANDOM_SEED is {seed} now: rows of both would be"
            f" mixed. Set RANDOM_SEED={seeded}, or empty the shop with `python -m seed erase`."
        )
    if rows > count:
        raise SettingsError(
            [
                (
                    f"{COUNT_SETTINGS[table]} is {count}: {table} was filled with {rows} rows before, and rows that"
                    f" somebody may have bought are not taken away. Ask for {rows} or more, or empty the shop with"
                    " `python -m seed erase`."
                )
            ]
        )


def missing(backend: Backend, table: str, count: int) -> list[Gap]:
    """Ranges of ids from 1 to count that the table lacks, ascending."""
    with backend.cursor() as cursor:
        cursor.execute(
            "SELECT before + 1, id - 1 FROM ("  # noqa: S608 - the name of a table of ours
            "  SELECT id, lag(id, 1, 0::bigint) OVER (ORDER BY id) AS before FROM ("
            f"    SELECT id::bigint FROM {table} WHERE id BETWEEN 1 AND %(count)s"
            "    UNION ALL SELECT %(count)s::bigint + 1) AS ids) AS steps "
            "WHERE id > before + 1 ORDER BY id",
            {"count": count},
        )
        return [(first, last) for first, last in cursor.fetchall()]


def note(backend: Backend, table: str, count: int, rows: RowMaker, *, adds: bool) -> None:
    """Write down what is about to be written, before it is: a killed run leaves nothing that nobody knows of.

    Raises:
        PlatformError: rows must be added, and those that are there were made by another recipe.
    """
    recipe = rows.recipes[table]
    with backend, backend.cursor() as cursor:
        cursor.execute(
            "INSERT INTO lakestorm_seed (table_name, random_seed, recipe, row_count) VALUES (%s, %s, %s, %s)"
            " ON CONFLICT (table_name) DO UPDATE SET row_count = excluded.row_count, updated_at = now()"
            " WHERE lakestorm_seed.row_count < excluded.row_count",
            (table, rows.seed, recipe, count),
        )
        cursor.execute("SELECT recipe FROM lakestorm_seed WHERE table_name = %s", (table,))
        before = str((cursor.fetchone() or ("",))[0])
        if adds and before != recipe:
            raise PlatformError(
                f"{table} was filled by {before}, and this is {recipe}: another version of lakestorm or of Faker, whose"
                " rows differ. Use the version that began, or empty the shop with `python -m seed erase`."
            )


def chunks(gaps: Mapping[str, Iterable[Gap]], batch_rows: int) -> Iterator[Chunk]:
    """The gaps, cut into chunks of at most batch_rows."""
    for table, ranges in gaps.items():
        for first, last in ranges:
            for start in range(first, last + 1, batch_rows):
                yield Chunk(table, start, min(batch_rows, last + 1 - start))


def write(
    backend: Backend, settings: Settings, rows: RowMaker, gaps: Mapping[str, list[Gap]], totals: Mapping[str, int]
) -> None:
    """Fill the gaps, by as many processes as pay."""
    size = process_count(settings.seed.seed_processes, sum(totals.values()), settings.seed.seed_batch_rows)
    todo = chunks(gaps, settings.seed.seed_batch_rows)
    with contextlib.ExitStack() as stack:
        if size > 1:
            crew = Crew(settings.postgres, rows, size)
            stack.callback(crew.close)
            done = crew.copy(todo)
        else:
            done = copied(backend, rows, todo)
        advance = stack.enter_context(progress({table: rows for table, rows in totals.items() if rows}))
        for chunk in done:
            advance(chunk.table, chunk.count)


def copied(backend: Backend, rows: RowMaker, todo: Iterable[Chunk]) -> Iterator[Chunk]:
    """Each chunk after it was copied, one after the other."""
    for chunk in todo:
        copy_chunk(backend, rows, chunk)
        yield chunk
