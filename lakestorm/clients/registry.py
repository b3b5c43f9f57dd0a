"""The schema registry: a schema's id, registered or looked up once; and Confluent's wire format around Avro."""

from __future__ import annotations

import io
import json
import logging
import struct
import time
from typing import TYPE_CHECKING, Any

import fastavro
import httpx2
from confluent_kafka.schema_registry import Schema, SchemaRegistryClient
from confluent_kafka.schema_registry.error import SchemaRegistryError

from lakestorm.clients.certificates import require_certificates
from lakestorm.errors import PlatformError, UnreachableError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lakestorm.settings import SchemaSettings

WAIT_S = 8.0
ANSWER_S = 3.0
"""How long one question may take."""
PAUSE_S = 0.5
MAGIC = 0
NOT_THERE = (40401, 40403)
"""The registry's words for an unknown subject and an unknown schema."""
UNKNOWN_TO_IT = (401, 403)
"""HTTP's words for who has no password, or a wrong one, or no right."""
NO_REGISTRY = (-1, 404)
"""Codes of an answer that is no registry's: the client's own word for one, and HTTP's where a registry has 404xx."""
DISTRUST = "CERTIFICATE_VERIFY_FAILED"
"""OpenSSL's word for a certificate that waiting does not mend."""


def schema_id(settings: SchemaSettings, subject: str, schema: Mapping[str, Any], *, wait_s: float = WAIT_S) -> int:
    """The id of a schema under a subject; registered if that is allowed, and waited for while the registry is down.

    Raises:
        SettingsError: the file of the certificate authority cannot be read.
        UnreachableError: no answer within wait_s, or its certificate is of nobody we trust.
        PlatformError: the registry refuses the schema, or does not know it and it may not be registered.
    """
    wanted = Schema(json.dumps(schema), "AVRO")
    until = time.monotonic() + wait_s
    with open_registry(settings) as client:
        while True:
            try:
                return ask(client, subject, wanted, register=settings.auto_register)
            except SchemaRegistryError as error:
                raise refused(settings, subject, error) from error
            except httpx2.HTTPError as error:
                if time.monotonic() > until or DISTRUST in str(error):
                    raise unreachable(settings.registry_url, error) from error
                time.sleep(PAUSE_S)


def open_registry(settings: SchemaSettings) -> SchemaRegistryClient:
    """The registry's client; it connects when it is asked something.

    Raises:
        SettingsError: the file of the certificate authority cannot be read.
    """
    require_certificates("SCHEMA_REGISTRY_SSL_CA_LOCATION", settings.registry_ssl_ca_location)
    logging.getLogger("httpx2").setLevel(logging.WARNING)  # it tells of every request, and Locust shows that
    config: dict[str, Any] = {"url": settings.registry_url.rstrip("/"), "timeout": ANSWER_S, "max.retries": 0}
    if auth := settings.registry_basic_auth.get_secret_value():
        config["basic.auth.user.info"] = auth
    if settings.registry_ssl_ca_location:
        config["ssl.ca.location"] = settings.registry_ssl_ca_location
    return SchemaRegistryClient(config)


def ask(client: SchemaRegistryClient, subject: str, schema: Schema, *, register: bool) -> int:
    """The id of a schema, registered or looked up; raises what the client raises."""
    if register:
        return client.register_schema(subject, schema)
    return int(client.lookup_schema(subject, schema).schema_id or 0)


def refused(settings: SchemaSettings, subject: str, error: SchemaRegistryError) -> PlatformError:
    """The registry's own explanation, and what to do."""
    if error.http_status_code in UNKNOWN_TO_IT:
        return PlatformError(
            f"The schema registry at {settings.registry_url} does not let us in (HTTP {error.http_status_code})."
            " Check SCHEMA_REGISTRY_BASIC_AUTH, as user:password, or its file."
        )
    if error.error_code in NO_REGISTRY:
        return PlatformError(
            f"{settings.registry_url} answers with HTTP {error.http_status_code}, and not as a schema registry does."
            " Check SCHEMA_REGISTRY_URL, its path too."
        )
    hint = (
        " Set SCHEMA_AUTO_REGISTER=1, or register it beforehand."
        if error.error_code in NOT_THERE and not settings.auto_register
        else ""
    )
    return PlatformError(
        f"The schema registry at {settings.registry_url} refuses {subject}: {error.error_message}"
        f" (HTTP {error.http_status_code}, code {error.error_code}).{hint}"
    )


def unreachable(url: str, error: Exception) -> UnreachableError:
    """A registry that does not answer, as a sentence."""
    if DISTRUST in str(error):
        return UnreachableError(
            f"The certificate of the schema registry at {url} is not trusted: {error}. Name the file of the authority"
            " that signed it in SCHEMA_REGISTRY_SSL_CA_LOCATION."
        )
    return UnreachableError(
        f"The schema registry at {url} does not answer: {str(error) or type(error).__name__}. Check"
        " SCHEMA_REGISTRY_URL, or start one with `lakestorm sandbox up --with kafka,registry`."
    )


class Encoder:
    """Writes records of one schema in Confluent's wire format: byte 0, the schema's id in 4 bytes, the Avro body.

    Args:
        schema: the writer's schema.
        number: its id in the registry.
    """

    def __init__(self, schema: Mapping[str, Any], number: int) -> None:
        self._schema = fastavro.parse_schema(dict(schema))
        self._header = struct.pack(">bI", MAGIC, number)
        self._write = fastavro.schemaless_writer

    def __call__(self, record: Mapping[str, Any]) -> bytes:
        """The record's bytes."""
        out = io.BytesIO()
        out.write(self._header)
        self._write(out, self._schema, record)
        return out.getvalue()
