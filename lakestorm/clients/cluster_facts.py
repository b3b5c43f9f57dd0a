"""What brokers say of themselves and of topics to whoever must know whether these can be used."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._acl import AclOperation

from lakestorm.clients.kafka import ANSWER_S, client_config, describe, rights_on, unreachable
from lakestorm.clients.round_trip import round_trip_ms

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from confluent_kafka.admin._metadata import TopicMetadata

    from lakestorm.settings import KafkaSettings

CLIENT_ID = "lakestorm doctor"


@dataclasses.dataclass(frozen=True, slots=True)
class Topic:
    """A topic.

    Attributes:
        partitions: how many.
        leaderless: of these, that can be neither read nor written now.
        behind: of these, that have fewer replicas in step than they should.
        is_writable: whether we may write it; brokers without rules say yes.
    """

    partitions: int
    leaderless: int
    behind: int
    is_writable: bool


@dataclasses.dataclass(frozen=True, slots=True)
class ClusterFacts:
    """Brokers that answer, and those of the topics asked for that are there. The protocol tells no version."""

    brokers: int
    topics: Mapping[str, Topic]
    round_trip_ms: float


def cluster_facts(settings: KafkaSettings, names: Sequence[str]) -> ClusterFacts:
    """Ask for all of it; raises UnreachableError."""
    cluster = describe(settings, CLIENT_ID)
    client = AdminClient(client_config(settings, CLIENT_ID))
    there = [name for name in names if name in cluster.topics]
    try:
        topics = {name: topic_facts(client, cluster.topics[name]) for name in there}
        answers_ms = round_trip_ms(lambda: client.describe_cluster(request_timeout=ANSWER_S).result(ANSWER_S))
    except KafkaException as error:
        raise unreachable(settings, error.args[0]) from error
    return ClusterFacts(len(cluster.brokers), topics, answers_ms)


def topic_facts(client: AdminClient, topic: TopicMetadata) -> Topic:
    """A topic that is there; raises KafkaException."""
    partitions = topic.partitions.values()
    rights = rights_on(client, str(topic.topic))
    return Topic(
        partitions=len(partitions),
        leaderless=sum(partition.leader < 0 for partition in partitions),
        behind=sum(len(partition.isrs) < len(partition.replicas) for partition in partitions),
        is_writable=not rights or AclOperation.WRITE in rights,
    )
