"""A platform in perfect health, as facts, for tests that make one thing of it wrong."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from lakestorm.clients.cluster_facts import ClusterFacts, Topic
from lakestorm.clients.connect import ConnectorStatus, Part
from lakestorm.clients.database_facts import DatabaseFacts, Publication, ReplicationSlot, Role, Server, Table
from lakestorm.doctor.connect import ConnectFacts
from lakestorm.doctor.replication import Followed

if TYPE_CHECKING:
    from lakestorm.doctor.finding import Finding

URL = "http://connect:8083"
FOLLOWED = Followed("oneshop", "debezium", "dbz_publication", "dbz", f"curl -X POST '{URL}/connectors/shop/restart'")
TABLE = Table("public", "d", has_identity=True, is_filled=True, lacks=(), is_readable=True)
SLOT = ReplicationSlot(
    "pgoutput", "oneshop", is_active=True, wal_status="reserved", retained_bytes=1_500_000,
    pid=77, application="Debezium Streaming", address="10.0.0.7",
)  # fmt: skip
DATABASE = DatabaseFacts(
    server=Server("18.4", "logical", 100, 3, 10, 10, 10),
    role=Role("loader", is_superuser=False, may_replicate=False, may_monitor=True, connection_limit=-1, connections=0),
    reader=Role("dbz", is_superuser=False, may_replicate=True, may_monitor=False, connection_limit=-1, connections=1),
    tables=dict.fromkeys(("users", "items", "purchases", "restocks"), TABLE),
    publications={"dbz_publication": Publication((), {f"public.{n}": "" for n in ("users", "items", "purchases")})},
    slots={"debezium": SLOT},
    round_trip_ms=0.3,
)
TOPIC = Topic(partitions=3, leaderless=0, behind=0, is_writable=True)
CLUSTER = ClusterFacts(1, dict.fromkeys(("shop.public.users", "shop.public.purchases", "login-events"), TOPIC), 0.4)
RUNS = Part("RUNNING", "connect:8083")
CONNECT = ConnectFacts(
    version="4.3.1",
    round_trip_ms=3.0,
    connectors=["shop"],
    status=ConnectorStatus(RUNS, {0: RUNS}),
    config={
        "topic.prefix": "shop",
        "slot.name": "debezium",
        "database.dbname": "oneshop",
        "database.user": "dbz",
        "table.include.list": "public.users,public.items,public.purchases",
        "decimal.handling.mode": "string",
        "heartbeat.interval.ms": "5000",
    },
    metrics=True,
)


def server(**changes: Any) -> DatabaseFacts:
    """The healthy database with something else in its server's settings."""
    return dataclasses.replace(DATABASE, server=dataclasses.replace(DATABASE.server, **changes))


def table(name: str, **changes: Any) -> DatabaseFacts:
    """The healthy database with one table changed."""
    return dataclasses.replace(DATABASE, tables={**DATABASE.tables, name: dataclasses.replace(TABLE, **changes)})


def without(name: str) -> DatabaseFacts:
    """The healthy database without a table, which no publication has then either."""
    tables = {other: table for other, table in DATABASE.tables.items() if other != name}
    return dataclasses.replace(DATABASE, tables=tables)


def role(**changes: Any) -> DatabaseFacts:
    """The healthy database with the load's role changed."""
    return dataclasses.replace(DATABASE, role=dataclasses.replace(DATABASE.role, **changes))


def reader(**changes: Any) -> DatabaseFacts:
    """The healthy database with the connector's role changed."""
    assert DATABASE.reader is not None
    return dataclasses.replace(DATABASE, reader=dataclasses.replace(DATABASE.reader, **changes))


def published(*tables: str, omits: tuple[str, ...] = (), where: str = "") -> DatabaseFacts:
    """The healthy database with another publication in place of the right one."""
    publication = Publication(omits, {f"public.{name}": where for name in tables})
    return dataclasses.replace(DATABASE, publications={"dbz_publication": publication})


def slot(**changes: Any) -> DatabaseFacts:
    """The healthy database with the slot changed."""
    return dataclasses.replace(DATABASE, slots={"debezium": dataclasses.replace(SLOT, **changes)})


def faults(findings: Any) -> list[Finding]:
    """What is not as it should be."""
    return [finding for finding in findings if finding.level != "ok"]
