"""What the doctor makes of a database's facts: what is wrong with it, and the statement that mends it."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakestorm.doctor.finding import Checkup, named, note, ok, quoted, wrong
from lakestorm.doctor.postgres import checkup, right_findings, room_findings, table_findings
from lakestorm.doctor.replication import Followed, replication_findings
from lakestorm.doctor.terminal import json_text, state_of
from lakestorm.settings import PostgresSettings
from tests.unit.made_platforms import (
    DATABASE,
    FOLLOWED,
    SLOT,
    faults,
    published,
    reader,
    role,
    server,
    slot,
    table,
    without,
)

if TYPE_CHECKING:
    from lakestorm.clients.database_facts import DatabaseFacts


def test_a_healthy_database_has_no_faults() -> None:
    """Where everything is as it should be, each thing that was looked at is said to be so, and nothing else."""
    found = checkup(DATABASE, PostgresSettings(), 1, FOLLOWED)
    assert (faults(found.findings), found.version, found.round_trip_ms) == ([], "18.4", 0.3)
    assert found.is_well
    says = " ".join(finding.says for finding in found.findings)
    for part in ("tables", "rights", "room for 87", "wal_level", "role dbz", "dbz_publication", "identity", "pid 77"):
        assert part in says


def test_what_nobody_follows_is_not_looked_at() -> None:
    """Without a pipeline in the settings wal_level, publication and slots are nobody's business."""
    bare = dataclasses.replace(server(wal_level="replica"), publications={}, slots={}, reader=None)
    assert faults(checkup(bare, PostgresSettings(), 1, None).findings) == []


@pytest.mark.parametrize(
    ("facts", "says", "mend"),
    [
        (without("restocks"), "no table restocks", "python -m seed schema"),
        (
            dataclasses.replace(DATABASE, tables={}),
            "no table users, items, purchases, restocks",
            "python -m seed schema",
        ),
    ],
)
def test_tables_that_are_missing_are_wrong(facts: DatabaseFacts, says: str, mend: str) -> None:
    """Missing tables are named, all of them, and the seed makes them."""
    (found,) = table_findings(facts)
    assert (found.level, found.mend) == ("wrong", mend)
    assert says in found.says


def test_an_empty_shop_is_a_note() -> None:
    """Users and items must be there; an empty table of purchases is how every shop begins."""
    assert faults(table_findings(table("purchases", is_filled=False))) == []
    (found,) = table_findings(table("items", is_filled=False))
    assert (found.level, found.says, found.mend) == ("note", "Nothing stands in items.", "python -m seed")


def test_a_table_that_may_not_be_read_is_not_called_empty() -> None:
    """Without the right to look nothing is said about what stands in a table; the missing right is."""
    facts = table("items", is_filled=False, lacks=("SELECT", "UPDATE"))
    assert faults(table_findings(facts)) == []
    (found,) = faults(right_findings(facts))
    assert found.mend == "GRANT SELECT, UPDATE ON public.items TO loader;"


def test_a_role_that_cannot_see_other_sessions_is_a_note() -> None:
    """The load runs without pg_monitor, so it is only worth knowing."""
    (found,) = faults(right_findings(role(may_monitor=False, name="Load Gen")))
    assert (found.level, found.mend) == ("note", 'GRANT pg_monitor TO "Load Gen";')


@pytest.mark.parametrize(
    ("facts", "pool", "workers", "mend"),
    [
        (DATABASE, 87, 1, None),
        (DATABASE, 88, 1, "ALTER SYSTEM SET max_connections = 101;"),
        (DATABASE, 29, 3, None),
        (DATABASE, 30, 3, "ALTER SYSTEM SET max_connections = 103;"),
        (role(is_superuser=True), 90, 1, None),
        (server(used_connections=100), 20, 1, "ALTER SYSTEM SET max_connections = 123;"),
        (role(connection_limit=20, connections=1), 20, 1, "ALTER ROLE loader CONNECTION LIMIT 21;"),
        (role(connection_limit=20, connections=1), 19, 1, None),
        (role(connection_limit=1, is_superuser=True), 20, 1, None),
    ],
)
def test_the_pools_of_all_processes_must_find_room(
    facts: DatabaseFacts, pool: int, workers: int, mend: str | None
) -> None:
    """Pool × processes is held against what is free: reserved connections are a superuser's, limits are a role's."""
    found = faults(room_findings(facts, pool, workers))
    assert [finding.mend for finding in found] == ([] if mend is None else [mend])


def test_a_full_server_has_no_negative_room() -> None:
    """Superusers may use the reserved connections up: then there is room for none, not for fewer than none."""
    (found,) = faults(room_findings(server(used_connections=99), 20, 1))
    assert "room for 0 more" in found.says


ADD = "ALTER PUBLICATION dbz_publication ADD TABLE"


@pytest.mark.parametrize(
    ("facts", "says", "mend"),
    [
        (server(wal_level="replica"), "wal_level is replica", "ALTER SYSTEM SET wal_level = 'logical';"),
        (server(max_slots=0), "max_replication_slots is 0", "ALTER SYSTEM SET max_replication_slots = 10;"),
        (server(max_senders=0), "max_wal_senders is 0", "ALTER SYSTEM SET max_wal_senders = 10;"),
        (dataclasses.replace(DATABASE, reader=None), "no such role", "CREATE ROLE dbz LOGIN REPLICATION PASSWORD '…';"),
        (reader(may_replicate=False), "may not replicate", "ALTER ROLE dbz REPLICATION;"),
        (table("items", is_readable=False), "may not read public.items", "GRANT SELECT ON public.items TO dbz;"),
        (published("users", "items"), "lacks public.purchases", f"{ADD} public.purchases;"),
        (published(), "lacks public.users, public.items", f"{ADD} public.users, public.items, public.purchases;"),
        (
            dataclasses.replace(DATABASE, publications={}),
            "no publication dbz_publication",
            "CREATE PUBLICATION dbz_publication FOR TABLE public.users, public.items, public.purchases;",
        ),
        (
            published("users", "items", "purchases", omits=("delete",)),
            "leaves out delete",
            "ALTER PUBLICATION dbz_publication SET (publish = 'insert, update, delete, truncate');",
        ),
        (
            published("users", "items", "purchases", "more", where="(id > 7)"),
            "only the rows of public.users, public.items, public.purchases that fit",
            "ALTER PUBLICATION dbz_publication SET TABLE public.users, public.items, public.purchases, public.more;",
        ),
        (
            table("items", replica_identity="n", has_identity=False),
            "NOTHING",
            "ALTER TABLE public.items REPLICA IDENTITY DEFAULT;",
        ),
        (
            table("items", has_identity=False, schema="Shop"),
            "no primary key",
            'ALTER TABLE "Shop".items REPLICA IDENTITY FULL;',
        ),
        (dataclasses.replace(DATABASE, slots={}), "no replication slot debezium", FOLLOWED.revive),
        (slot(is_active=False, pid=0), "read by nobody; the server keeps 1.5 MB", FOLLOWED.revive),
        (slot(wal_status="lost"), "is lost", "SELECT pg_drop_replication_slot('debezium');"),
        (
            slot(wal_status="unreserved"),
            "about to lose",
            "ALTER SYSTEM SET max_slot_wal_keep_size = -1; SELECT pg_reload_conf();",
        ),
        (slot(database="other"), "of other database, not of oneshop", "SELECT pg_drop_replication_slot('debezium');"),
    ],
)  # fmt: skip
def test_what_keeps_debezium_from_following(facts: DatabaseFacts, says: str, mend: str) -> None:
    """Each fault is found alone, says what it is, and comes with the statement that mends it."""
    found = [f for f in faults(replication_findings(facts, FOLLOWED)) if says in f.says]
    assert [(finding.level, finding.mend) for finding in found] == [("wrong", mend)]


def test_a_full_identity_or_an_index_will_do() -> None:
    """REPLICA IDENTITY FULL needs no key; an index does as long as it is there."""
    for letter in "fi":
        assert faults(replication_findings(table("users", replica_identity=letter), FOLLOWED)) == []


def test_a_slot_that_nobody_reads_is_no_reason_to_drop_it_first() -> None:
    """While Connect does not answer there is nothing to paste: dropping it by mistake would lose changes."""
    stale = slot(is_active=False)
    (found,) = faults(replication_findings(stale, dataclasses.replace(FOLLOWED, revive="")))
    assert found.mend == ""
    assert "only if nobody shall read it any more" in found.says


def test_other_slots_that_keep_log_are_noted() -> None:
    """A stranger's slot without a reader fills the disk too, but is not ours to judge; one that is read is good."""
    old = dataclasses.replace(SLOT, is_active=False)
    slots = {"debezium": SLOT, "old": old, "busy": SLOT, "gone": dataclasses.replace(old, wal_status="lost")}
    (found,) = faults(replication_findings(dataclasses.replace(DATABASE, slots=slots), FOLLOWED))
    assert (found.level, found.mend) == ("note", "SELECT pg_drop_replication_slot('old');")


@pytest.mark.parametrize(
    ("publications", "says"),
    [
        ({}, "no publication dbz_publication"),
        ({"theirs": DATABASE.publications["dbz_publication"]}, "publication theirs has public.users"),
        ({"dbz_publication": dataclasses.replace(DATABASE.publications["dbz_publication"], tables={}),
          "theirs": published("items").publications["dbz_publication"]}, "publication theirs lacks public.users"),
    ],
)  # fmt: skip
def test_a_publication_whose_name_is_not_known(publications: dict[str, Any], says: str) -> None:
    """While Connect does not answer, the publication with most of our tables is taken for the connector's."""
    facts = dataclasses.replace(DATABASE, publications=publications)
    found = replication_findings(facts, Followed("oneshop", "debezium"))
    assert any(says in finding.says for finding in found)


@given(st.text(min_size=1))
def test_quoted_names_come_back(name: str) -> None:
    """A name is left alone where SQL reads it as it is, else quoted so that SQL gives the same name back."""
    text = quoted(name)
    if text == name:
        assert name.islower() or set(name) <= set("_0123456789")
    else:
        assert text[0] == text[-1] == '"'
        assert text[1:-1].replace('""', '"') == name
        assert '"' not in text[1:-1].replace('""', "")


def test_names_with_a_schema_are_quoted_part_by_part() -> None:
    """The dot between schema and table stays outside the quotes."""
    assert named(["public.users", 'My.ta"ble']) == 'public.users, "My"."ta""ble"'


@pytest.mark.parametrize(
    ("checkup", "word", "is_well"),
    [
        (Checkup("A", "there", findings=(ok("x"), note("y"))), "ok", True),
        (Checkup("A", "there", findings=(ok("x"), wrong("y"))), "wrong", False),
        (Checkup("A", "there"), "ok", True),
        (Checkup("A", ""), "off", True),
    ],
)
def test_a_service_in_one_word(checkup: Checkup, word: str, *, is_well: bool) -> None:
    """One fault makes a service wrong, a note does not; one that the settings leave out is off, which is no fault."""
    assert (state_of(checkup), checkup.is_well) == (word, is_well)
    assert f'"state": "{word}"' in json_text([checkup])
