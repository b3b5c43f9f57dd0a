"""The sandbox's Debezium connector: what it needs, how it is configured, and whether it streams.

It makes Debezium's envelope (`op`, `before`, `after`, `source`, `ts_ms`) of every change, keyed by the row's `id`;
decimals are text, so that no digit is lost, times with a zone are ISO 8601.
"""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from lakestorm.clients.connect import RefusedError
from lakestorm.clients.exporter import samples
from lakestorm.errors import SandboxError, UnreachableError
from lakestorm.settings import child_environment

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from lakestorm.clients.connect import Connect

VERSION = "3.7.0.Final"
CONNECTOR, PREFIX, SLOT, PUBLICATION = "shop", "shop", "debezium", "dbz_publication"
TABLES = ("users", "items", "purchases")
PARTITIONS = 3
TOPICS_S = 30
SECRETS = "secrets.properties"
"""File with the database's password, in the worker's folder: what stands in a connector's configuration is shown by
Connect's REST API, and kept in a topic."""
NOT_YET = (404, 409)
"""HTTP's status for a connector that was registered a moment ago, and while the group changes."""


def config(found: Mapping[str, str]) -> dict[str, str]:
    """The connector's configuration, from settings that reach PostgreSQL.

    It never changes the publication: what its owner does to that holds until the owner undoes it.
    """
    return {
        "connector.class": "io.debezium.connector.postgresql.PostgresConnector",
        "tasks.max": "1",
        "database.hostname": found["POSTGRES_HOST"],
        "database.port": found["POSTGRES_PORT"],
        "database.user": found["POSTGRES_USER"],
        "database.password": f"${{file:{SECRETS}:password}}",
        "database.dbname": found["POSTGRES_DB"],
        "plugin.name": "pgoutput",
        "publication.name": PUBLICATION,
        "publication.autocreate.mode": "disabled",
        "slot.name": SLOT,
        "topic.prefix": PREFIX,
        "table.include.list": ",".join(f"public.{table}" for table in TABLES),
        "snapshot.mode": "initial",
        "decimal.handling.mode": "string",
        "poll.interval.ms": "100",
        "heartbeat.interval.ms": "5000",
    }


def make_tables(found: Mapping[str, str], folder: Path) -> None:
    """The seed's own verb makes tables and publication where they are missing; rows are for whoever seeds.

    Args:
        found: settings that reach PostgreSQL.
        folder: where the seed is started; no `.env` is in it.
    """
    done = subprocess.run(
        [sys.executable, "-m", "seed", "schema"],
        cwd=folder,
        env=child_environment({**found, "SEED_PUBLICATION": PUBLICATION}),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SandboxError(f"The shop's tables could not be made for the connector: {done.stderr.strip()}")


def make_topics(brokers: str) -> None:
    """The tables' topics, which would else come with the first row and have one partition."""
    client = AdminClient({"bootstrap.servers": brokers, "log_level": 0})
    topics = [NewTopic(f"{PREFIX}.public.{table}", num_partitions=PARTITIONS) for table in TABLES]
    for name, made in client.create_topics(topics).items():
        try:
            made.result(TOPICS_S)
        except KafkaException as error:
            reason: KafkaError = error.args[0]
            if reason.code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise SandboxError(f"The topic {name} could not be made: {reason.str()} ({reason.name()}).") from error


def registered(client: Connect, found: Mapping[str, str]) -> bool:
    """Give Connect the connector and let it run, however it was left; False if it must be asked again.

    Raises:
        SandboxError: Connect refuses it, in Connect's own words.
    """
    try:
        client.configure(CONNECTOR, config(found))
        client.resume(CONNECTOR)
    except RefusedError as error:
        if error.status not in NOT_YET:
            raise SandboxError(str(error)) from error
        return False
    return True


def streams(client: Connect, metrics_url: str) -> bool:
    """Whether the connector's task runs, its snapshot is done, and it reads changes.

    Raises:
        SandboxError: the connector failed, in its own words.
    """
    try:
        status = client.status(CONNECTOR)
    except RefusedError as error:
        if error.status not in NOT_YET:
            raise
        return False
    if status.reason:
        raise SandboxError(
            f"The connector {CONNECTOR} failed: {status.reason.rstrip('.')}. Mend that, then run `up` again; or begin"
            " anew with `lakestorm sandbox down --erase`."
        )
    return status.is_running and is_connected(metrics_url)


def is_connected(metrics_url: str) -> bool:
    """Whether Debezium is connected to the slot's stream, which it is when its snapshot is done, and not before."""
    try:
        ours = [sample for sample in samples(metrics_url) if sample.labels.get("name") == PREFIX]
    except UnreachableError:
        return False  # the worker answers before its exporter does
    return any(s.name == "debezium_metrics_Connected" and s.labels["context"] == "streaming" and s.value for s in ours)
