"""Kafka as an application reaches it: configuration from settings, and refusals in words."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any

from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._acl import AclOperation
from confluent_kafka.cimpl import NewTopic

from lakestorm.clients.certificates import require_certificates
from lakestorm.errors import PlatformError, UnreachableError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from confluent_kafka.admin._metadata import ClusterMetadata

    from lakestorm.settings import KafkaSettings

ANSWER_S = 8.0
"""How long the brokers may take to answer before a run begins."""
ANSWERS_S = (1.0, 2.0, ANSWER_S - 3)
"""The same in three tries: who is refused by the brokers learns it from the first, and need not wait for the others."""
HOPELESS = {
    "_AUTHENTICATION": "Check KAFKA_SASL_USERNAME, KAFKA_SASL_PASSWORD (or its file) and KAFKA_SASL_MECHANISM.",
    "_SSL": "Check KAFKA_SSL_CA_LOCATION, and that the brokers' certificate is for this name and still valid.",
}
"""What no waiting mends, by librdkafka's names, and what does."""
PAUSE_S = 0.1


def client_config(settings: KafkaSettings, client_id: str) -> dict[str, Any]:
    """What every client needs: brokers, security, silence (errors are told by us, once)."""
    config: dict[str, Any] = {
        "bootstrap.servers": settings.brokers,
        "client.id": client_id,
        "security.protocol": settings.security_protocol,
        "log_level": 0,
        "reconnect.backoff.max.ms": 1000,
    }
    if settings.security_protocol.startswith("SASL"):
        config |= {
            "sasl.mechanism": settings.sasl_mechanism,
            "sasl.username": settings.sasl_username,
            "sasl.password": settings.sasl_password.get_secret_value(),
        }
    if settings.ssl_ca_location:
        config["ssl.ca.location"] = settings.ssl_ca_location
    return config


def describe(settings: KafkaSettings, client_id: str) -> ClusterMetadata:
    """Brokers and topics.

    Raises:
        SettingsError: the file of the certificate authority cannot be read.
        UnreachableError: no broker answers, or they refuse us; names them and librdkafka's own word.
    """
    require_certificates("KAFKA_SSL_CA_LOCATION", settings.ssl_ca_location)
    said: list[KafkaError] = []
    try:
        client = AdminClient(client_config(settings, client_id) | {"error_cb": said.append})
    except KafkaException as error:
        raise unreachable(settings, error.args[0]) from error
    for wait_s in ANSWERS_S:
        try:
            return client.list_topics(timeout=wait_s)
        except KafkaException as error:
            said.append(error.args[0])
            client.poll(0)
            if any(word.name() in HOPELESS for word in said):
                break
    raise unreachable(settings, next((word for word in said if word.name() in HOPELESS), said[-1]))


def unreachable(settings: KafkaSettings, error: KafkaError) -> UnreachableError:
    """The client's refusal as a sentence: where, why, what to do."""
    why = re.sub(r"^\S+/\S+: | \(after [^()]*( \([^()]*\))?[^()]*\)|\.$", "", error.str())
    hint = HOPELESS.get(
        error.name(),
        "Check KAFKA_BROKERS and the KAFKA_ settings for security, or start one with"
        " `lakestorm sandbox up --with kafka,registry`.",
    )
    return UnreachableError(
        f"Kafka at {settings.brokers} ({settings.security_protocol}) cannot be used: {why} ({error.name()}). {hint}"
    )


def make_topic(settings: KafkaSettings, client_id: str, topic: str, config: Mapping[str, str]) -> None:
    """Make a topic with the brokers' default number of partitions, if it is not there.

    Raises:
        PlatformError: the brokers refuse.
    """
    client = AdminClient(client_config(settings, client_id))
    made = client.create_topics([NewTopic(topic, -1, -1, config=dict(config))], request_timeout=ANSWER_S)
    try:
        made[topic].result(ANSWER_S)
    except KafkaException as error:
        reason: KafkaError = error.args[0]
        if reason.code() != KafkaError.TOPIC_ALREADY_EXISTS:
            raise refused_topic(topic, reason) from error


def require_write(settings: KafkaSettings, client_id: str, topic: str) -> None:
    """Make sure that we may write a topic, by what the brokers say of our rights; nothing is written.

    Brokers without an authorizer grant everything; those older than 2.3 do not say, and are believed. A topic that
    was made a moment ago is waited for: the controller knows it before the brokers do.

    Raises:
        PlatformError: we may not.
    """
    client = AdminClient(client_config(settings, client_id))
    until = time.monotonic() + ANSWER_S
    while True:
        try:
            rights = rights_on(client, topic)
            break
        except KafkaException as error:
            reason: KafkaError = error.args[0]
            if reason.code() != KafkaError.UNKNOWN_TOPIC_OR_PART or time.monotonic() > until:
                raise refused_topic(topic, reason) from error
            time.sleep(PAUSE_S)
    if rights and AclOperation.WRITE not in rights:
        raise refused_topic(topic, KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED))


def rights_on(client: AdminClient, topic: str) -> list[AclOperation]:
    """What we may do with a topic; raises KafkaException."""
    asked = client.describe_topics(
        TopicCollection([topic]), include_authorized_operations=True, request_timeout=ANSWER_S
    )
    return asked[topic].result(ANSWER_S).authorized_operations or []


def refused_topic(topic: str, error: KafkaError) -> PlatformError:
    """Why a topic cannot be written, as a sentence."""
    return PlatformError(
        f"The topic {topic} cannot be written: {error.str()} ({error.name()})."
        " Grant the right to it, make it beforehand, or name another (LOGIN_TOPIC, LOGIN_LABELS_TOPIC)."
    )
