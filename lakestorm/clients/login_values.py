"""Values of the login topic read as any consumer reads them: the writer's schema comes from the registry, by its id."""

from __future__ import annotations

import io
import json
import struct
from typing import TYPE_CHECKING, Any

import fastavro
import httpx2
from confluent_kafka.schema_registry.error import SchemaRegistryError

from lakestorm.clients.registry import MAGIC, NOT_THERE, open_registry, unreachable
from lakestorm.errors import PlatformError
from lakestorm.model.login_schema import FIELDS

if TYPE_CHECKING:
    from lakestorm.settings import SchemaSettings

HEADER = struct.Struct(">bI")
BROKEN = (EOFError, LookupError, ValueError, OverflowError, MemoryError)
"""What fastavro raises over a body that is not of its schema."""


class LoginDecoder:
    """Reads values in Confluent's wire format; asks the registry once for every schema id, also for unknown ones.

    Args:
        settings: of the registry. Nothing is ever registered.
    """

    def __init__(self, settings: SchemaSettings) -> None:
        self._settings = settings
        self._client = open_registry(settings)
        self._schemas: dict[int, Any] = {}
        """By id; None where the registry knows none."""

    def __call__(self, value: bytes) -> dict[str, str]:
        """The record.

        Raises:
            ValueError: the value is poison, and why.
            UnreachableError: the registry does not answer.
            PlatformError: the registry refuses.
        """
        if len(value) < HEADER.size or value[0] != MAGIC:
            raise ValueError("it does not begin with byte 0 and a schema id")
        number = HEADER.unpack_from(value)[1]
        if number not in self._schemas:
            self._schemas[number] = self._ask(number)
        schema = self._schemas[number]
        if schema is None:
            raise ValueError(f"the registry has no schema {number}")
        body = io.BytesIO(value[HEADER.size :])
        try:
            record: Any = fastavro.schemaless_reader(body, schema, None)
        except BROKEN as error:
            raise ValueError(f"its body is not of schema {number}: {error}") from error
        if body.read(1) or not is_login(record):
            raise ValueError("it holds no login, or more than one")
        return record  # type: ignore[no-any-return]

    def _ask(self, number: int) -> Any:
        try:
            found = self._client.get_schema(number)
        except SchemaRegistryError as error:
            if error.error_code in NOT_THERE:
                return None
            raise PlatformError(
                f"The schema registry at {self._settings.registry_url} refuses schema {number}: {error.error_message}"
                f" (HTTP {error.http_status_code}, code {error.error_code})."
            ) from error
        except httpx2.HTTPError as error:
            raise unreachable(self._settings.registry_url, error) from error
        return fastavro.parse_schema(json.loads(found.schema_str or "null"))


def is_login(record: Any) -> bool:
    """Whether a record has all fields of a login, as text."""
    return isinstance(record, dict) and all(isinstance(record.get(name), str) for name in FIELDS)
