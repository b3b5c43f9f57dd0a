"""Kafka as the load needs it: brokers, and topics with a leader for every partition."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from lakestorm.clients.cluster_facts import cluster_facts
from lakestorm.doctor.finding import Checkup, Finding, note, ok, wrong

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from lakestorm.clients.cluster_facts import ClusterFacts, Topic
    from lakestorm.settings import KafkaSettings

ACL = "kafka-acls.sh --bootstrap-server {} --add --allow-principal User:{} --operation Write --topic {}"
MAKE = "kafka-topics.sh --bootstrap-server {} --create --topic {}"


@dataclasses.dataclass(frozen=True, slots=True)
class Topics:
    """Topics that a run needs.

    Attributes:
        written: by the load itself, which makes them where they are missing.
        changes: {table: topic of its changes}, which come with the first change.
    """

    written: Sequence[str]
    changes: Mapping[str, str]


def ask(settings: KafkaSettings, topics: Topics) -> ClusterFacts:
    """The brokers' facts; raises UnreachableError."""
    return cluster_facts(settings, [*topics.changes.values(), *topics.written])


def checkup(facts: ClusterFacts, settings: KafkaSettings, topics: Topics, filled: Collection[str] | None) -> Checkup:
    """What the facts mean.

    Args:
        facts: the brokers'.
        settings: of the brokers.
        topics: that are wanted.
        filled: tables that hold rows; None where that is not known.
    """
    findings = [ok(f"{facts.brokers} broker{'s' if facts.brokers != 1 else ''} in the cluster.")]
    for table, name in topics.changes.items():
        found = facts.topics.get(name)
        findings += topic_findings(name, found) if found else [missing(settings, name, table, filled)]
    for name in topics.written:
        findings += written_findings(settings, name, facts.topics.get(name))
    return Checkup("Kafka", settings.brokers, "", facts.round_trip_ms, tuple(findings))


def missing(settings: KafkaSettings, name: str, table: str, filled: Collection[str] | None) -> Finding:
    """A topic of changes that is not there: wrong only where there was something to tell."""
    make = MAKE.format(settings.brokers, name)
    if filled is not None and table in filled:
        return wrong(
            f"There is no topic {name}, though the table {table} holds rows: the connector does not send them, or the"
            " brokers do not let it make topics.",
            make,
        )
    return note(f"The topic {name} is not there yet; it comes with the table's first row.", make)


def written_findings(settings: KafkaSettings, name: str, topic: Topic | None) -> Iterator[Finding]:
    """A topic that the load writes."""
    if topic is None:
        yield ok(f"The topic {name} is not there yet; a run with logins makes it.")
        return
    yield from topic_findings(name, topic)
    if not topic.is_writable:
        command = ACL.format(settings.brokers, settings.sasl_username or "ANONYMOUS", name)
        yield wrong(f"The topic {name} may not be written by us.", command)


def topic_findings(name: str, topic: Topic) -> Iterator[Finding]:
    """A topic that is there."""
    if topic.leaderless:
        yield wrong(
            f"{topic.leaderless} of {topic.partitions} partitions of {name} have no leader: start the brokers that hold"
            " their replicas.",
            f"kafka-topics.sh --describe --topic {name} --unavailable-partitions",
        )
    elif topic.behind:
        yield note(f"{topic.behind} of {topic.partitions} partitions of {name} have a replica that is not in step.")
    else:
        yield ok(f"The topic {name} has {topic.partitions} partition{'s' if topic.partitions != 1 else ''}.")
