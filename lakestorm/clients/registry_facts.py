"""What a schema registry says of itself and of subjects: asked, never registered."""

from __future__ import annotations

import dataclasses
import json
import ssl
from typing import TYPE_CHECKING, Any

import httpx2
from confluent_kafka.schema_registry import Schema
from confluent_kafka.schema_registry.error import SchemaRegistryError

from lakestorm.clients.registry import ANSWER_S, NO_REGISTRY, open_registry, refused, unreachable
from lakestorm.clients.round_trip import round_trip_ms

if TYPE_CHECKING:
    from collections.abc import Mapping

    from confluent_kafka.schema_registry import SchemaRegistryClient

    from lakestorm.settings import SchemaSettings

NOT_FOUND = 404
VERSIONS = (
    ("", "/v1/metadata/version"),
    ("/apis/ccompat", "/apis/registry/v3/system/info"),
    ("/apis/ccompat", "/apis/registry/v2/system/info"),
)
"""Where products tell their version: (what is cut off the base address, and after it, what takes its place)."""


@dataclasses.dataclass(frozen=True, slots=True)
class Subject:
    """A subject that is there.

    Attributes:
        version: the latest.
        level: its compatibility, its own or the registry's.
        takes_ours: whether our schema may stand after the latest.
    """

    version: int
    level: str
    takes_ours: bool


@dataclasses.dataclass(frozen=True, slots=True)
class RegistryFacts:
    """Version (empty where it is not told), the compatibility that all subjects start with, subjects asked for."""

    version: str
    level: str
    subjects: Mapping[str, Subject]
    round_trip_ms: float


def registry_facts(settings: SchemaSettings, wanted: Mapping[str, Mapping[str, Any]]) -> RegistryFacts:
    """Ask for all of it.

    Args:
        settings: of the registry.
        wanted: {subject: our schema}.

    Raises:
        UnreachableError: nothing answers.
        PlatformError: it refuses, or it is no registry.
    """
    with open_registry(settings) as client:
        try:
            level = client.get_compatibility()
            there = set(client.get_subjects())
            subjects = {
                name: subject_facts(client, name, schema, level) for name, schema in wanted.items() if name in there
            }
            return RegistryFacts(version(settings), level, subjects, round_trip_ms(client.get_compatibility))
        except SchemaRegistryError as error:
            raise refused(settings, "what it is asked", error) from error
        except httpx2.HTTPError as error:
            raise unreachable(settings.registry_url, error) from error


def subject_facts(client: SchemaRegistryClient, name: str, schema: Mapping[str, Any], level: str) -> Subject:
    """A subject that is there; raises what the client raises."""
    latest = client.get_latest_version(name)
    try:
        level = client.get_compatibility(name)
    except SchemaRegistryError as error:
        if error.http_status_code != NOT_FOUND or error.error_code in NO_REGISTRY:
            raise  # 404 with a code: the subject has no level of its own
    takes_ours = client.test_compatibility(name, Schema(json.dumps(schema), "AVRO"))
    return Subject(int(latest.version or 0), level, takes_ours)


def version(settings: SchemaSettings) -> str:
    """The product's version; empty where it tells none. Raises httpx2.HTTPError."""
    user, _, password = settings.registry_basic_auth.get_secret_value().partition(":")
    trusted = ssl.create_default_context(cafile=settings.registry_ssl_ca_location or None)
    with httpx2.Client(timeout=ANSWER_S, auth=(user, password) if user else None, verify=trusted) as client:
        for address in addresses_of(settings.registry_url.rstrip("/")):
            answer = client.get(address)
            if answer.is_success and "json" in answer.headers.get("content-type", ""):
                return str(answer.json().get("version", ""))
    return ""


def addresses_of(url: str) -> list[str]:
    """Where the version may stand, for a registry at this base address."""
    return [(url.partition(cut)[0] if cut else url) + path for cut, path in VERSIONS if cut in url]
