"""Chunks of rows, made and copied by one process or several; each chunk is one transaction."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import multiprocessing
import multiprocessing.connection
import os
import signal
from typing import TYPE_CHECKING

import psycopg2

from lakestorm.errors import LakestormError, SeedError
from seed.rows import COLUMNS
from seed.schema import words_of
from seed.waiting import connect_when_up

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from multiprocessing.connection import Connection

    from lakestorm.clients.postgres import Backend
    from lakestorm.settings import PostgresSettings
    from seed.rows import RowMaker

LOCK = 0x5EED_0003
"""Advisory lock that every worker shares: whoever gets it alone knows that no worker of a killed run is left."""

AHEAD = 2
"""Chunks a worker has in hand, so that it never waits for the next."""

ROWS_THAT_PAY = 200_000
"""Rows for which starting a process is worth while: it starts in the time in which one makes as many."""


@dataclasses.dataclass(frozen=True, slots=True)
class Chunk:
    """Consecutive rows of a table."""

    table: str
    first_id: int
    count: int


def process_count(asked: int, rows: int, batch_rows: int) -> int:
    """How many processes to use for so many rows; `asked` 0 = one a core, as far as it pays."""
    if asked:
        return min(asked, -(-rows // batch_rows))
    return max(
        1,
        min(
            len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
            rows // ROWS_THAT_PAY,
        ),
    )


def copy_chunk(backend: Backend, rows: RowMaker, chunk: Chunk) -> None:
    """Make a chunk's rows and copy them, in a transaction of its own.

    Raises:
        SeedError: the server refuses or is gone.
    """
    text = rows.text(chunk.table, chunk.first_id, chunk.count)
    statement = f"COPY {chunk.table} ({', '.join(COLUMNS[chunk.table])}) FROM STDIN"
    try:
        with backend.cursor() as cursor:
            cursor.copy_expert(statement, io.BytesIO(text.encode()), 1 << 18)
    except psycopg2.Error as error:
        raise SeedError(
            f"{chunk.table} {chunk.first_id:,} to {chunk.first_id + chunk.count - 1:,} could not be written."
            f" {words_of(error)} What is written stays: run `python -m seed` again, and it goes on from there."
        ) from error


class Crew:
    """Processes that make and copy chunks, each over a connection of its own.

    A worker whose parent is gone reads the end of its pipe, and ends after the chunk it has in hand.
    """

    def __init__(self, settings: PostgresSettings, rows: RowMaker, size: int) -> None:
        context = multiprocessing.get_context("spawn")  # a forked copy would hold the parent's connection open
        self._pipes: list[Connection] = []
        self._processes = []
        for _ in range(size):
            ours, theirs = context.Pipe()
            process = context.Process(target=work, args=(theirs, settings, rows), daemon=True)
            process.start()
            theirs.close()
            self._pipes.append(ours)
            self._processes.append(process)

    def copy(self, chunks: Iterable[Chunk]) -> Iterator[Chunk]:
        """Hand out chunks; gives each when it is written, in no particular order.

        Raises:
            SeedError: a chunk could not be written, or a worker died.
        """
        ahead = iter(chunks)
        idle = [pipe for pipe in self._pipes for _ in range(AHEAD)]
        working = 0
        while True:
            for chunk in ahead:
                idle.pop().send(chunk)
                working += 1
                if not idle:
                    break
            if not working:
                return
            for pipe in multiprocessing.connection.wait(self._pipes):
                yield self._answer(pipe)  # type: ignore[arg-type]
                idle.append(pipe)  # type: ignore[arg-type]
                working -= 1

    def close(self) -> None:
        """End the workers; each finishes the chunk it has in hand."""
        for pipe in self._pipes:
            pipe.close()
        for process in self._processes:
            process.join()

    @staticmethod
    def _answer(pipe: Connection) -> Chunk:
        try:
            answer = pipe.recv()
        except EOFError as error:
            raise SeedError(
                "A process that makes rows died, perhaps for want of memory; fewer SEED_PROCESSES or SEED_BATCH_ROWS"
                " need less. What is written stays: run `python -m seed` again, and it goes on from there."
            ) from error
        if isinstance(answer, LakestormError):
            raise answer
        chunk: Chunk = answer
        return chunk


def work(pipe: Connection, settings: PostgresSettings, rows: RowMaker) -> None:
    """A worker's life: copy chunks until the pipe ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the parent too, which ends the pipe
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):
        try:
            backend = connect_when_up(settings, 0)
            with backend.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_lock_shared(%s)", (LOCK,))
            while True:
                chunk = pipe.recv()
                copy_chunk(backend, rows, chunk)
                pipe.send(chunk)
        except LakestormError as error:
            pipe.send(error)
