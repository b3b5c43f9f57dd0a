"""PostgreSQL as the load needs it: tables, rights, connections; and what following its changes needs."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import psycopg2

from lakestorm.clients.database_facts import database_facts
from lakestorm.clients.postgres import connect
from lakestorm.doctor.finding import Checkup, Finding, named, note, ok, quoted, wrong
from lakestorm.doctor.replication import replication_findings
from lakestorm.errors import PlatformError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lakestorm.clients.database_facts import DatabaseFacts, Role
    from lakestorm.doctor.replication import Followed
    from lakestorm.settings import PostgresSettings

RIGHTS = {
    "users": ("SELECT",),
    "items": ("SELECT", "UPDATE"),
    "purchases": ("SELECT", "INSERT", "UPDATE"),
    "restocks": ("SELECT", "INSERT"),
}
"""What the sale does to each table."""
FILLED = ("users", "items")
"""Tables that the seed fills."""


def ask(settings: PostgresSettings, reader: str) -> DatabaseFacts:
    """The database's facts.

    Raises:
        UnreachableError: it does not answer, or does not take us.
        PlatformError: it does not answer one of the questions.
    """
    with contextlib.closing(connect(settings, application_name="lakestorm doctor", autocommit=True)) as backend:
        try:
            return database_facts(backend, RIGHTS, reader)
        except psycopg2.Error as error:
            raise PlatformError(
                f"PostgreSQL does not say what is asked: {' '.join(str(error).split())}."
                " PostgreSQL 13 or newer is wanted."
            ) from error


def checkup(facts: DatabaseFacts, settings: PostgresSettings, workers: int, followed: Followed | None) -> Checkup:
    """What the facts mean for a load of so many processes; `followed` is None where nobody follows the changes."""
    findings = [*table_findings(facts), *right_findings(facts), *room_findings(facts, settings.pool_size, workers)]
    if followed:
        findings += replication_findings(facts, followed)
    return Checkup("PostgreSQL", where(settings), facts.server.version, facts.round_trip_ms, tuple(findings))


def where(settings: PostgresSettings) -> str:
    """Its address."""
    return f"{settings.host}:{settings.port}/{settings.db}"


def table_findings(facts: DatabaseFacts) -> Iterator[Finding]:
    """Whether the shop is there, and has something in it."""
    missing = [table for table in RIGHTS if table not in facts.tables]
    if missing:
        yield wrong(f"There is no table {', '.join(missing)}.", "python -m seed schema")
        return
    empty = [name for name in FILLED if not facts.tables[name].is_filled and "SELECT" not in facts.tables[name].lacks]
    if empty:
        yield note(f"Nothing stands in {' and '.join(empty)}.", "python -m seed")
    else:
        yield ok("The shop's tables are there and filled.")


def right_findings(facts: DatabaseFacts) -> Iterator[Finding]:
    """Whether the load's role may do what a sale does, and see what the probes look at."""
    role = quoted(facts.role.name)
    for name, table in facts.tables.items():
        if table.lacks:
            lacks = ", ".join(table.lacks)
            grant = f"GRANT {lacks} ON {named([f'{table.schema}.{name}'])} TO {role};"
            yield wrong(f"The role {facts.role.name} lacks {lacks} on {name}.", grant)
    if not any(table.lacks for table in facts.tables.values()):
        yield ok(f"The role {facts.role.name} has the rights that the sale needs.")
    if not facts.role.may_monitor:
        yield note(
            f"The role {facts.role.name} does not see what other sessions do, so lock waits and ages are not whole.",
            f"GRANT pg_monitor TO {role};",
        )


def room_findings(facts: DatabaseFacts, pool_size: int, workers: int) -> Iterator[Finding]:
    """Whether the pools of all processes find room."""
    needed = pool_size * workers
    asked = f"POSTGRES_POOL_SIZE {pool_size} × {workers} process{'es' if workers > 1 else ''}"
    reserved = 0 if facts.role.is_superuser else facts.server.reserved_connections
    room = facts.server.max_connections - reserved - facts.server.used_connections
    if room < needed:
        yield wrong(
            f"The server has room for {max(room, 0)} more connections, {asked} needs {needed}"
            f" (max_connections {facts.server.max_connections}, {facts.server.used_connections} in use)."
            " The statement holds after a restart; a smaller POSTGRES_POOL_SIZE mends it too.",
            f"ALTER SYSTEM SET max_connections = {facts.server.max_connections + needed - room};",
        )
    elif (left := left_to(facts.role)) is not None and left < needed:
        yield wrong(
            f"The role {facts.role.name} may open {max(left, 0)} more connections, {asked} needs {needed}.",
            f"ALTER ROLE {quoted(facts.role.name)} CONNECTION LIMIT {facts.role.connections + needed};",
        )
    else:
        yield ok(f"There is room for {room} more connections, {asked} needs {needed}.")


def left_to(role: Role) -> int | None:
    """Connections that a role may still open; None where it has no limit of its own."""
    return None if role.connection_limit < 0 or role.is_superuser else role.connection_limit - role.connections
