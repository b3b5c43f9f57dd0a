"""What a database says of itself to whoever must know whether its changes can be followed: read, never changed."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from lakestorm.clients.round_trip import round_trip_ms

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lakestorm.clients.postgres import Backend

SERVER = """
SELECT current_setting('server_version'), current_setting('wal_level'), current_setting('max_connections')::int,
    current_setting('superuser_reserved_connections')::int
        + coalesce(current_setting('reserved_connections', true)::int, 0),
    (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()),
    current_setting('max_replication_slots')::int, current_setting('max_wal_senders')::int
"""
"""Reserved connections of both kinds; the second came with PostgreSQL 16."""
ROLE = """
SELECT rolname, rolsuper,
    rolsuper OR rolreplication OR EXISTS (
        SELECT FROM pg_auth_members JOIN pg_roles AS held ON held.oid = roleid
        WHERE member = pg_roles.oid AND held.rolname = 'rds_replication'),
    rolsuper OR pg_has_role(pg_roles.oid, 'pg_monitor', 'USAGE'), rolconnlimit,
    (SELECT count(*) FROM pg_stat_activity WHERE usename = rolname AND pid <> pg_backend_pid())
FROM pg_roles WHERE rolname = coalesce(%s, current_user)
"""
"""Amazon's servers give the right to replicate by a role of that name."""
TABLE = """
SELECT nspname, relreplident::text,
    EXISTS (SELECT FROM pg_index WHERE indrelid = pg_class.oid AND indisprimary),
    EXISTS (SELECT FROM pg_index WHERE indrelid = pg_class.oid AND indisreplident)
FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace WHERE pg_class.oid = to_regclass(%s)
"""
PUBLICATIONS = """
SELECT pubname, ARRAY(SELECT unnest(ARRAY['insert', 'update', 'delete'])
                      EXCEPT SELECT unnest(ARRAY[CASE WHEN pubinsert THEN 'insert' END,
                          CASE WHEN pubupdate THEN 'update' END, CASE WHEN pubdelete THEN 'delete' END])),
    coalesce(jsonb_agg(to_jsonb(listed)) FILTER (WHERE tablename IS NOT NULL), '[]')
FROM pg_publication LEFT JOIN pg_publication_tables AS listed USING (pubname) GROUP BY pg_publication.oid
"""
"""As JSON, because row filters came with PostgreSQL 15: what an older server does not have is missing there."""
SLOTS = """
SELECT slot_name, coalesce(plugin, slot_type), coalesce(slots.database, ''), active, coalesce(wal_status, ''),
    coalesce(pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn), 0)::bigint,
    coalesce(active_pid, 0), coalesce(application_name, ''), coalesce(host(client_addr), '')
FROM pg_replication_slots AS slots LEFT JOIN pg_stat_activity ON pid = active_pid
"""


@dataclasses.dataclass(frozen=True, slots=True)
class Role:
    """A role that logs in.

    Attributes:
        connection_limit: of its own; negative for none.
        connections: that it has now, ours left out.
    """

    name: str
    is_superuser: bool
    may_replicate: bool
    may_monitor: bool
    connection_limit: int
    connections: int


@dataclasses.dataclass(frozen=True, slots=True)
class Table:
    """A table of the shop.

    Attributes:
        replica_identity: PostgreSQL's letter: d the primary key, i an index, f the whole row, n nothing.
        has_identity: whether that key, index or row is there, so that updates can be told.
        is_filled: whether a row stands in it; False where we may not look.
        lacks: rights that the load's role does not have.
        is_readable: whether the connector's role may read it.
    """

    schema: str
    replica_identity: str
    has_identity: bool
    is_filled: bool
    lacks: tuple[str, ...]
    is_readable: bool


@dataclasses.dataclass(frozen=True, slots=True)
class Publication:
    """A publication: `omits` are kinds of changes it leaves out, `tables` {schema.table: its row filter or ""}."""

    omits: tuple[str, ...]
    tables: Mapping[str, str]


@dataclasses.dataclass(frozen=True, slots=True)
class ReplicationSlot:
    """A slot, and who holds it: `pid` is 0 while nobody does. `retained_bytes` is the log that is kept for it."""

    plugin: str
    database: str
    is_active: bool
    wal_status: str
    retained_bytes: int
    pid: int
    application: str
    address: str


@dataclasses.dataclass(frozen=True, slots=True)
class Server:
    """The server: `reserved_connections` are for superusers alone, `used_connections` others' than ours."""

    version: str
    wal_level: str
    max_connections: int
    reserved_connections: int
    used_connections: int
    max_slots: int
    max_senders: int


@dataclasses.dataclass(frozen=True, slots=True)
class DatabaseFacts:
    """All of it. `reader` is the connector's role, None if there is no such role or none was asked for."""

    server: Server
    role: Role
    reader: Role | None
    tables: Mapping[str, Table]
    publications: Mapping[str, Publication]
    slots: Mapping[str, ReplicationSlot]
    round_trip_ms: float


def database_facts(backend: Backend, rights: Mapping[str, Sequence[str]], reader: str) -> DatabaseFacts:
    """Ask for all of it; raises psycopg2.Error.

    Args:
        backend: autocommitting.
        rights: {table: rights that the load needs on it}; those are the tables that are looked for.
        reader: the connector's role; empty if it is not known.
    """
    role = Role(*rows(backend, ROLE, (None,))[0])
    found = [Role(*row) for row in rows(backend, ROLE, (reader,))] if reader else []
    tables = {
        name: table_facts(backend, name, needed, found[0].name if found else "") for name, needed in rights.items()
    }
    publications = {
        name: Publication(
            tuple(sorted(omits)), {f"{t['schemaname']}.{t['tablename']}": t.get("rowfilter") or "" for t in listed}
        )
        for name, omits, listed in rows(backend, PUBLICATIONS)
    }
    return DatabaseFacts(
        server=Server(*rows(backend, SERVER)[0]),
        role=role,
        reader=found[0] if found else None,
        tables={name: table for name, table in tables.items() if table is not None},
        publications=publications,
        slots={name: ReplicationSlot(*rest) for name, *rest in rows(backend, SLOTS)},
        round_trip_ms=round_trip_ms(lambda: rows(backend, "SELECT 1")),
    )


def table_facts(backend: Backend, name: str, rights: Sequence[str], reader: str) -> Table | None:
    """A table that the search path finds; None if there is none."""
    found = rows(backend, TABLE, (name,))
    if not found:
        return None
    schema, identity, has_key, has_index = found[0]
    lacks = tuple(right for right in rights if not holds(backend, None, name, right))
    filled = "SELECT" not in lacks and rows(backend, f"SELECT EXISTS (SELECT FROM {name})")[0][0]  # noqa: S608 - ours
    has_identity = {"d": has_key, "i": has_index, "f": True}.get(identity, False)
    return Table(schema, identity, has_identity, filled, lacks, not reader or holds(backend, reader, name, "SELECT"))


def holds(backend: Backend, role: str | None, table: str, right: str) -> bool:
    """Whether a role (None: ours) has a right on a table."""
    statement = "SELECT has_table_privilege(coalesce(%s, current_user)::name, %s, %s)"
    return bool(rows(backend, statement, (role, table, right))[0][0])


def rows(backend: Backend, statement: str, values: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """All rows of one statement."""
    with backend.cursor() as cursor:
        cursor.execute(statement, values)
        return list(cursor.fetchall())
