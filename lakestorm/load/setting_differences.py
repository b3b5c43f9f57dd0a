"""Settings that a worker has otherwise than its master: it would make another load than the master believes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

MAY_DIFFER = {
    "POSTGRES_HOST", "POSTGRES_PORT", "POSTGRES_SSLROOTCERT", "KAFKA_BROKERS", "KAFKA_SSL_CA_LOCATION",
    "SCHEMA_REGISTRY_URL", "SCHEMA_REGISTRY_SSL_CA_LOCATION", "RESULTS_DIR",
}  # fmt: skip
"""Each machine may know a system by another address, and has its own files and folders."""


def differences(ours: Mapping[str, str], theirs: Mapping[str, str]) -> list[str]:
    """A sentence for each setting by which a worker would make another load than its master believes."""
    return [
        f'{name} is "{theirs.get(name, "")}" there and "{value}" on the master. The same .env is wanted on both.'
        for name, value in ours.items()
        if name not in MAY_DIFFER and not name.startswith("WEB_") and theirs.get(name) != value
    ]
