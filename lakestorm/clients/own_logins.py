"""Logins that lakestorm itself wrote, read without a registry: the schema is ours, and so are the addresses."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any, NamedTuple

import fastavro

from lakestorm.errors import PlatformError
from lakestorm.model.event_time import ms_from_timestamp
from lakestorm.model.login_schema import LOGIN

if TYPE_CHECKING:
    from lakestorm.model.addresses import AddressPlan
    from lakestorm.model.geography import City

WIRE_BYTES = 5
"""Of Confluent's wire format before the Avro body."""


class OwnLogin(NamedTuple):
    """Who logged in when (event time, milliseconds since 1970), and the city and kind of the address."""

    user_id: str
    at_ms: int
    city: City
    kind: int


class OwnLogins:
    """Reads values of the login topic.

    Args:
        plan: whose addresses they use.
    """

    def __init__(self, plan: AddressPlan) -> None:
        self._plan = plan
        self._schema = fastavro.parse_schema(LOGIN)

    def __call__(self, value: bytes) -> OwnLogin:
        """The login; raises PlatformError if its address is nobody's."""
        record: Any = fastavro.schemaless_reader(io.BytesIO(value[WIRE_BYTES:]), self._schema, None)
        place = self._plan.find(record["ip"])
        if place is None:
            raise PlatformError(f"The topic has a login of lakestorm's from {record['ip']}, which is nobody's address.")
        return OwnLogin(record["user_id"], ms_from_timestamp(record["timestamp"]), place.city, place.kind)
