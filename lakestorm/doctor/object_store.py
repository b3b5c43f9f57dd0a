"""The object store as sys-load needs it: it answers, knows the keys, and has the bucket or lets it be made."""

from __future__ import annotations

import contextlib
import dataclasses
from typing import TYPE_CHECKING

from lakestorm.clients.object_store import ObjectStore
from lakestorm.clients.round_trip import round_trip_ms
from lakestorm.doctor.finding import Checkup, note, ok

if TYPE_CHECKING:
    from lakestorm.settings import MinioSettings


@dataclasses.dataclass(frozen=True, slots=True)
class StoreFacts:
    """Whether the bucket is there, and how long that took to ask."""

    has_bucket: bool
    round_trip_ms: float


def ask(settings: MinioSettings) -> StoreFacts:
    """The store's facts; raises UnreachableError, PlatformError (keys) and SettingsError (address)."""
    secret = settings.secret_key.get_secret_value()
    store = ObjectStore(settings.url, settings.access_key, secret, settings.bucket_name, settings.region)
    with contextlib.closing(store):
        return StoreFacts(store.has_bucket(), round_trip_ms(store.has_bucket))


def checkup(facts: StoreFacts, settings: MinioSettings) -> Checkup:
    """What the facts mean."""
    name = settings.bucket_name
    found = (
        ok(f"The bucket {name} is there.")
        if facts.has_bucket
        else note(f"There is no bucket {name} yet; sys-load makes it, if it may.", f"mc mb ALIAS/{name}")
    )
    return Checkup("MinIO", settings.url, "", facts.round_trip_ms, (found,))
