"""Which probes a run's settings turn on, by the connection that they share, and what else lives in their process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from lakestorm.clients.connect import Connect
from lakestorm.probes import connector, debezium, source_task
from lakestorm.probes.asking import Lane
from lakestorm.probes.asking_kafka import KafkaQuestions
from lakestorm.probes.asking_metrics import MetricsPage
from lakestorm.probes.asking_postgres import PostgresQuestions
from lakestorm.probes.canary import Canary
from lakestorm.probes.checkpoints import Checkpoints
from lakestorm.probes.connector import Connector
from lakestorm.probes.consumer_groups import ConsumerGroups
from lakestorm.probes.debezium import Debezium
from lakestorm.probes.locks import Locks
from lakestorm.probes.replication_slot import ReplicationSlot
from lakestorm.probes.source_task import SourceTask
from lakestorm.probes.sysload import Sysload
from lakestorm.probes.topics import Topics
from lakestorm.probes.transactions import Transactions
from lakestorm.probes.wal import Wal

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from lakestorm.model.orders import RunKey
    from lakestorm.probes.asking import Probe
    from lakestorm.probes.stream import Tell
    from lakestorm.settings import Settings


class Companion(Protocol):
    """Something besides probes that lives in their process, on their clock, and reports through their stream."""

    requests: Sequence[str]
    """Every `type name` under which it reports RequestMessages."""

    def start(self) -> None:
        """The load begins: begin too, in a thread of its own; returns at once."""

    def finish(self) -> None:
        """The run is over: begin nothing more, wait (bounded) for what is outstanding, report it. Returns when done."""


KINDS: tuple[type[Probe], ...] = (
    ReplicationSlot, Wal, Transactions, Locks, Checkpoints, Connector, Debezium, SourceTask, Topics, ConsumerGroups,
    Sysload,
)  # fmt: skip
"""Every probe there is."""


def readings() -> Iterator[str]:
    """`probe.name` of everything that may be read; `….*` is one of many, as a topic or a group."""
    for kind in KINDS:
        for name in kind.units:
            yield f"{kind.name}.{name}"
            if kind in (Topics, ConsumerGroups):
                yield f"{kind.name}.{name}.*"
    yield from (f"{Sysload.name}.{name}.*" for name in Sysload.of_many)


def is_any_on(settings: Settings) -> bool:
    """Whether there is anything to ask or to send: without, no process is started."""
    return bool(probes_of(settings)) or is_canary_on(settings)


def is_canary_on(settings: Settings) -> bool:
    """Whether marked orders are sent: it takes a period, and a topic to look for them in."""
    return bool(settings.pipeline.canary_every_ms and settings.pipeline.cdc_topic_prefix)


def lanes_of(settings: Settings, tell: Tell) -> list[Lane]:
    """A lane for each service that has a question to answer."""
    every_s = settings.pipeline.probe_every_s
    return [Lane(service, probes, every_s, tell) for service, probes in probes_of(settings).items()]


def probes_of(settings: Settings) -> dict[str, list[Probe]]:
    """{service: probes}; nothing is connected yet. A probe whose setting is empty is off."""
    found = {
        "PostgreSQL": database_probes(settings),
        "Kafka Connect": connect_probes(settings),
        "Kafka Connect's metrics": metrics_probes(settings),
        "Kafka": broker_probes(settings),
        "sys-load": sysload_probes(settings),
    }
    return {service: probes for service, probes in found.items() if probes}


def database_probes(settings: Settings) -> list[Probe]:
    """What the database is asked, where a pipeline follows it."""
    pipeline = settings.pipeline
    if not (pipeline.replication_slot or pipeline.cdc_topic_prefix):
        return []
    database = PostgresQuestions(settings.postgres)
    found: list[Probe] = [Wal(database), Transactions(database), Locks(database), Checkpoints(database)]
    return [ReplicationSlot(database, pipeline.replication_slot), *found] if pipeline.replication_slot else found


def connect_probes(settings: Settings) -> list[Probe]:
    """What Kafka Connect's REST API is asked."""
    pipeline = settings.pipeline
    if not (pipeline.connect_url and pipeline.connector_name):
        return []
    return [Connector(Connect(pipeline.connect_url, answer_s=connector.ANSWER_S), pipeline.connector_name)]


def metrics_probes(settings: Settings) -> list[Probe]:
    """What the worker's metrics are asked."""
    pipeline = settings.pipeline
    if not pipeline.connect_metrics_url:
        return []
    page = MetricsPage(pipeline.connect_metrics_url, (*debezium.ATTRIBUTES, *source_task.ATTRIBUTES))
    return [Debezium(page, pipeline.cdc_topic_prefix), SourceTask(page, pipeline.connector_name)]


def broker_probes(settings: Settings) -> list[Probe]:
    """What the brokers are asked."""
    pipeline, brokers = settings.pipeline, KafkaQuestions(settings.kafka)
    found: list[Probe] = []
    if pipeline.cdc_topic_prefix:
        found.append(Topics(brokers, pipeline.cdc_topic_prefix, [settings.login.topic]))
    if pipeline.consumer_groups:
        found.append(ConsumerGroups(brokers, pipeline.consumer_groups))
    return found


def sysload_probes(settings: Settings) -> list[Probe]:
    """What a sys-load beside the platform is asked."""
    return [Sysload(settings.pipeline.sysload_url)] if settings.pipeline.sysload_url else []


def companions_of(settings: Settings, key: RunKey, folder: Path, tell: Tell) -> Sequence[Companion]:
    """The canary, if it is on."""
    return [Canary(settings, key, folder, tell)] if is_canary_on(settings) else []
