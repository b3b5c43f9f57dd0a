"""The audit's reading of the database: as long as it takes, in one snapshot."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg2
import pytest

from lakestorm.clients.audit import in_snapshot
from lakestorm.clients.postgres import connect
from tests.integration.probes_process import settings_of

if TYPE_CHECKING:
    from collections.abc import Mapping


def test_the_load_s_time_limit_is_not_the_audit_s(database: Mapping[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten million lines take longer than a request may: the limit holds before and after, and not in the snapshot."""
    settings = settings_of({**database, "POSTGRES_STATEMENT_TIMEOUT_MS": "100"}, monkeypatch)
    backend = connect(settings.postgres, application_name="audit reading")
    with backend.cursor() as cursor:
        in_snapshot(backend)
        cursor.execute("SELECT pg_sleep(0.5)")
        backend.commit()
        with pytest.raises(psycopg2.errors.QueryCanceled):
            cursor.execute("SELECT pg_sleep(0.5)")
    backend.close()
