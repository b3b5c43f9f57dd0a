"""Connections to PostgreSQL, for seed, load and audit alike."""

from __future__ import annotations

import contextlib
import dataclasses
from typing import TYPE_CHECKING, Any

import psycopg2
import psycopg2.extensions

from lakestorm.errors import UnreachableError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lakestorm.settings import PostgresSettings

CONNECT_FAILED = "08001"
CONNECTION_LOST = "08006"
RETRYABLE = frozenset({"40001", "40P01"})
"""Serialization failure and deadlock: the server rolled back and says that another try may succeed."""


class Backend(psycopg2.extensions.connection):
    """A connection that remembers its one cursor, its server process, and when it last became free.

    `free_at` is on the caller's clock, in seconds; it is what a request that found the pool empty waited for.
    """

    free_at: float = 0.0
    cursor_: psycopg2.extensions.cursor
    identity: BackendIdentity


@dataclasses.dataclass(frozen=True, slots=True)
class BackendIdentity:
    """A server process; `started` tells it from a later one that was given the same pid."""

    pid: int
    started: str


def connect(settings: PostgresSettings, *, application_name: str, autocommit: bool = False) -> Backend:
    """Open one connection.

    Raises:
        UnreachableError: nothing answers, or it refuses; names host, port and the server's own words.
    """
    with told_as_unreachable(settings):
        backend = open_backend(settings, application_name)
    backend.autocommit = autocommit
    return backend


@contextlib.contextmanager
def told_as_unreachable(settings: PostgresSettings) -> Iterator[None]:
    """Turns the driver's refusal into ours: UnreachableError."""
    try:
        yield
    except psycopg2.OperationalError as error:
        raise unreachable(settings, error) from error


def unreachable(settings: PostgresSettings, error: psycopg2.OperationalError) -> UnreachableError:
    """The driver's refusal as a sentence: where, why, what to do."""
    reason = str(error).strip().partition("\n")[0].rstrip(".") or type(error).__name__
    return UnreachableError(
        f"PostgreSQL at {settings.host}:{settings.port} (database {settings.db}, user {settings.user}) "
        f"cannot be used: {reason}. Check POSTGRES_HOST, POSTGRES_PORT and the credentials, "
        "or start one with `lakestorm sandbox up`."
    )


def open_backend(settings: PostgresSettings, application_name: str) -> Backend:
    """Open one connection; raises the driver's own error."""
    options: dict[str, Any] = {
        "host": settings.host,
        "port": settings.port,
        "user": settings.user,
        "password": settings.password.get_secret_value(),
        "dbname": settings.db,
        "sslmode": settings.sslmode,
        "connect_timeout": settings.connect_timeout_s,
        "application_name": application_name,
        "options": f"-c statement_timeout={settings.statement_timeout_ms}",
    }
    if settings.sslrootcert:
        options["sslrootcert"] = settings.sslrootcert
    backend: Backend = psycopg2.connect(None, connection_factory=Backend, **options)
    return backend


def sqlstate_of(error: psycopg2.Error) -> str:
    """A stable five-character code: the server's, or the class 08 one for a connection that is gone."""
    return error.pgcode or CONNECTION_LOST


def is_lost(backend: Backend) -> bool:
    """Whether the connection is gone, so that what was last sent has an unknown fate."""
    return backend.closed != 0
