"""One connection for all probes of PostgreSQL, opened again when it is lost, bounded in what it may cost."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

import psycopg2

from lakestorm.clients.postgres import open_backend, sqlstate_of
from lakestorm.errors import ProbeError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lakestorm.clients.postgres import Backend
    from lakestorm.settings import PostgresSettings

STATEMENT_MS = 2000
"""The server gives up on a probe's statement after this."""
DEAD_AFTER_MS = 10_000
"""A network that acknowledges nothing for this long has lost the connection."""


class PostgresQuestions:
    """Asks the database.

    Args:
        settings: where it is.
    """

    def __init__(self, settings: PostgresSettings) -> None:
        self._settings = settings
        self._backend: Backend | None = None

    def rows(self, statement: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """All rows of one statement in a transaction of its own.

        Raises:
            ProbeError: with the SQLSTATE and the server's first line.
        """
        try:
            if self._backend is None:
                self._backend = self._open()
            with self._backend.cursor() as cursor:
                cursor.execute(statement, parameters)
                return cursor.fetchall()
        except psycopg2.Error as error:
            self._forget(error)
            words = str(error).strip().partition("\n")[0] or type(error).__name__
            raise ProbeError(f"{sqlstate_of(error)} {words}") from error

    def row(self, statement: str, parameters: Sequence[Any] = ()) -> tuple[Any, ...]:
        """The one row of a statement; raises ProbeError if there is none."""
        found = self.rows(statement, parameters)
        if not found:
            raise ProbeError("no such row")
        return found[0]

    def close(self) -> None:
        """Let go of the connection."""
        if self._backend is not None:
            self._backend.close()
            self._backend = None

    def _open(self) -> Backend:
        backend = open_backend(self._settings, "lakestorm probes")
        backend.autocommit = True
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            with socket.socket(fileno=socket.dup(backend.fileno())) as line:
                if line.family != socket.AF_UNIX:
                    line.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, DEAD_AFTER_MS)
        with backend.cursor() as cursor:
            cursor.execute("SELECT set_config('statement_timeout', %s, false)", (str(STATEMENT_MS),))
        return backend

    def _forget(self, error: psycopg2.Error) -> None:
        """A refused statement leaves the connection as it was; a lost connection is opened again next time."""
        if self._backend is not None and (self._backend.closed or not error.pgcode):
            self.close()
