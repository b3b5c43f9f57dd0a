"""Questions about single orders and server processes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lakestorm.clients.postgres import BackendIdentity

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lakestorm.clients.postgres import Backend


def identify(backend: Backend) -> BackendIdentity:
    """The server process behind a connection."""
    with backend.cursor() as cursor:
        cursor.execute("SELECT pid, backend_start::text FROM pg_stat_activity WHERE pid = pg_backend_pid()")
        pid, started = cursor.fetchone() or (backend.info.backend_pid, "")
    return BackendIdentity(pid, started)


def living_backends(backend: Backend) -> set[BackendIdentity]:
    """Every process of the server that this role may see."""
    with backend.cursor() as cursor:
        cursor.execute("SELECT pid, backend_start::text FROM pg_stat_activity WHERE backend_start IS NOT NULL")
        return {BackendIdentity(pid, started) for pid, started in cursor.fetchall()}


def lines_in_table(backend: Backend, references: Sequence[str]) -> dict[str, str]:
    """{order_ref: status} of those references that stand in `purchases`."""
    with backend.cursor() as cursor:
        cursor.execute(
            "SELECT order_ref::text, status FROM purchases WHERE order_ref = ANY (%s::uuid[])", (list(references),)
        )
        return dict(cursor.fetchall())
