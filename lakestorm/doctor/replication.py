"""Whether Debezium can follow a database: log, publication, replica identity, slot, and the role that reads."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from lakestorm.doctor.finding import Finding, named, note, ok, quoted, wrong

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lakestorm.clients.database_facts import DatabaseFacts, Publication, ReplicationSlot, Role

PUBLISHED = ("users", "items", "purchases")
"""Tables whose changes are followed."""
USUAL_PUBLICATION = "dbz_publication"
"""Debezium's own default."""
LOST, UNRESERVED = "lost", "unreserved"
"""Words of pg_replication_slots.wal_status; source: PostgreSQL's documentation of that view."""
IN_WORDS = {"d": "it has no primary key", "i": "the index of its identity is gone", "n": "its identity is NOTHING"}


@dataclasses.dataclass(frozen=True, slots=True)
class Followed:
    """How the changes are followed, as far as it is known.

    Attributes:
        database: whose changes.
        slot: name of the slot.
        publication: its name; empty if only the connector knows it, and that does not answer.
        reader: the connector's role; empty if it is not known.
        revive: a command that makes the connector run; empty where none is known.
    """

    database: str
    slot: str = ""
    publication: str = ""
    reader: str = ""
    revive: str = ""


def replication_findings(facts: DatabaseFacts, followed: Followed) -> Iterator[Finding]:
    """All that following needs."""
    yield from log_findings(facts)
    yield from reader_findings(facts, followed.reader)
    yield from publication_findings(facts, followed.publication)
    yield from identity_findings(facts)
    if followed.slot:
        yield from slot_findings(facts, followed)
    yield from other_slot_findings(facts, followed.slot)


def log_findings(facts: DatabaseFacts) -> Iterator[Finding]:
    """Whether the log tells of rows, and lets somebody read it."""
    if facts.server.wal_level != "logical":
        yield wrong(
            f"wal_level is {facts.server.wal_level}: the log tells of no rows. The statement holds after a restart.",
            "ALTER SYSTEM SET wal_level = 'logical';",
        )
    else:
        yield ok("wal_level is logical.")
    for name, most in (
        ("max_replication_slots", facts.server.max_slots),
        ("max_wal_senders", facts.server.max_senders),
    ):
        if most == 0:
            yield wrong(
                f"{name} is 0, so nobody can follow. The statement holds after a restart.",
                f"ALTER SYSTEM SET {name} = 10;",
            )


def reader_findings(facts: DatabaseFacts, name: str) -> Iterator[Finding]:
    """Whether the connector's role may read the log and the tables."""
    if not name:
        return
    if facts.reader is None:
        yield wrong(
            f"The connector logs in as {name}, and there is no such role. Choose a password of its own.",
            f"CREATE ROLE {quoted(name)} LOGIN REPLICATION PASSWORD '…';",
        )
        return
    yield from reader_rights(facts, facts.reader)


def reader_rights(facts: DatabaseFacts, reader: Role) -> Iterator[Finding]:
    """What a role that is there lacks."""
    if not reader.may_replicate:
        yield wrong(
            f"The connector's role {reader.name} may not replicate.", f"ALTER ROLE {quoted(reader.name)} REPLICATION;"
        )
    closed = [
        places(facts, [name])[0] for name in PUBLISHED if name in facts.tables and not facts.tables[name].is_readable
    ]
    if closed:
        yield wrong(
            f"The connector's role {reader.name} may not read {', '.join(closed)}, so there is no snapshot of them.",
            f"GRANT SELECT ON {named(closed)} TO {quoted(reader.name)};",
        )
    if reader.may_replicate and not closed:
        yield ok(f"The connector's role {reader.name} may read tables and log.")


def publication_findings(facts: DatabaseFacts, name: str) -> Iterator[Finding]:
    """Whether the publication is there, with our tables, all their rows and all kinds of changes."""
    name = name or likely_publication(facts)
    wanted = places(facts, PUBLISHED)
    found = facts.publications.get(name)
    if found is None:
        statement = f"CREATE PUBLICATION {quoted(name)} FOR TABLE {named(wanted)};"
        yield wrong(f"There is no publication {name}.", statement if wanted else "python -m seed schema")
        return
    faults = [*lacking(name, found, wanted), *omitted(name, found), *filtered(name, found, wanted)]
    yield from faults or [ok(f"The publication {name} has {', '.join(wanted)}.")]


def lacking(name: str, found: Publication, wanted: list[str]) -> Iterator[Finding]:
    """Tables that it does not have."""
    if lacks := [place for place in wanted if place not in found.tables]:
        yield wrong(
            f"The publication {name} lacks {', '.join(lacks)}: their changes reach nobody. What was changed meanwhile"
            " is not sent afterwards.",
            f"ALTER PUBLICATION {quoted(name)} ADD TABLE {named(lacks)};",
        )


def omitted(name: str, found: Publication) -> Iterator[Finding]:
    """Kinds of changes that it leaves out."""
    if found.omits:
        yield wrong(
            f"The publication {name} leaves out {', '.join(found.omits)}.",
            f"ALTER PUBLICATION {quoted(name)} SET (publish = 'insert, update, delete, truncate');",
        )


def filtered(name: str, found: Publication, wanted: list[str]) -> Iterator[Finding]:
    """Rows that it leaves out."""
    if sieved := [place for place in wanted if found.tables.get(place)]:
        yield wrong(
            f"The publication {name} has only the rows of {', '.join(sieved)} that fit a condition.",
            f"ALTER PUBLICATION {quoted(name)} SET TABLE {named(found.tables)};",
        )


def likely_publication(facts: DatabaseFacts) -> str:
    """The publication with most of our tables; Debezium's usual one where none has any."""
    wanted = set(places(facts, PUBLISHED))
    ranked = sorted(facts.publications, key=lambda name: (-len(wanted & set(facts.publications[name].tables)), name))
    return ranked[0] if ranked and wanted & set(facts.publications[ranked[0]].tables) else USUAL_PUBLICATION


def places(facts: DatabaseFacts, names: tuple[str, ...] | list[str]) -> list[str]:
    """Tables that are there, with their schema."""
    return [f"{facts.tables[name].schema}.{name}" for name in names if name in facts.tables]


def identity_findings(facts: DatabaseFacts) -> Iterator[Finding]:
    """Whether updates and deletes can be told: without an identity PostgreSQL refuses them once they are published."""
    there = [name for name in PUBLISHED if name in facts.tables]
    bare = [name for name in there if not facts.tables[name].has_identity]
    for name in bare:
        (place,) = places(facts, [name])
        identity = facts.tables[name].replica_identity
        remedy = "FULL" if identity == "d" else "DEFAULT"
        yield wrong(
            f"{place} has no replica identity ({IN_WORDS.get(identity, identity)}): updates of it fail.",
            f"ALTER TABLE {named([place])} REPLICA IDENTITY {remedy};",
        )
    if there and not bare:
        yield ok("Every table that is followed has a replica identity.")


def slot_findings(facts: DatabaseFacts, followed: Followed) -> Iterator[Finding]:
    """Whether the slot is there, of the right kind, still good, and read by somebody: by whom."""
    slot = facts.slots.get(followed.slot)
    if slot is None:
        make = f"SELECT pg_create_logical_replication_slot('{followed.slot}', 'pgoutput');"
        yield wrong(
            f"There is no replication slot {followed.slot}, which the connector makes when it starts.",
            followed.revive or make,
        )
    elif slot.database != followed.database:
        yield wrong(
            f"The replication slot {followed.slot} is of {slot.database or 'no'} database, not of {followed.database}:"
            " the connector needs another (slot.name), or this one gone.",
            f"SELECT pg_drop_replication_slot('{followed.slot}');",
        )
    else:
        yield from state_findings(followed, slot)


def state_findings(followed: Followed, slot: ReplicationSlot) -> Iterator[Finding]:
    """How a slot of our database is."""
    kept = f"{slot.retained_bytes / 1e6:,.1f} MB of log"
    if slot.wal_status == LOST:
        yield wrong(
            f"The replication slot {followed.slot} is lost: log that it needs is gone. Drop it, and let the connector"
            " take a snapshot again.",
            f"SELECT pg_drop_replication_slot('{followed.slot}');",
        )
    elif not slot.is_active:
        yield wrong(
            f"The replication slot {followed.slot} is read by nobody; the server keeps {kept} for it, and more with"
            f" every change. Let its connector run; only if nobody shall read it any more, drop it:"
            f" SELECT pg_drop_replication_slot('{followed.slot}').",
            followed.revive,
        )
    else:
        holder = f"{slot.application or 'an unnamed session'} at {slot.address or 'a local socket'} (pid {slot.pid})"
        yield ok(f"The replication slot {followed.slot} is held by {holder}; the server keeps {kept} for it.")
    if slot.wal_status == UNRESERVED:
        yield wrong(
            f"The replication slot {followed.slot} is about to lose log that it needs (max_slot_wal_keep_size).",
            "ALTER SYSTEM SET max_slot_wal_keep_size = -1; SELECT pg_reload_conf();",
        )


def other_slot_findings(facts: DatabaseFacts, name: str) -> Iterator[Finding]:
    """Slots that nobody reads keep log too, until the disk is full."""
    for other, slot in facts.slots.items():
        if other != name and not slot.is_active and slot.wal_status != LOST:
            yield note(
                f"The replication slot {other} is read by nobody; the server keeps {slot.retained_bytes / 1e6:,.1f} MB"
                " of log for it. If nobody shall read it any more, drop it.",
                f"SELECT pg_drop_replication_slot('{other}');",
            )
