"""A real MinIO for tests of sys-load's export: buckets, servers to be killed, and what stands in them in the end."""

from __future__ import annotations

import dataclasses
import secrets
from collections import Counter
from typing import TYPE_CHECKING, Any

import duckdb
import minio
import psutil

from lakestorm.sandbox.process_service import has_gone

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from lakestorm.sandbox.box import Sandbox


def client_of(env: Mapping[str, str]) -> minio.Minio:
    """The package's own client, which the code under test does not share."""
    where = env["MINIO_URL"].removeprefix("http://")
    keys = env["MINIO_ACCESS_KEY"], env["MINIO_SECRET_KEY"]
    return minio.Minio(where, *keys, secure=False, region="us-east-1")  # else it asks for the region: another right


def with_own_bucket(env: Mapping[str, str]) -> dict[str, str]:
    """The same server, and a bucket that nobody has made yet."""
    return {**env, "MINIO_BUCKET_NAME": f"bucket-{secrets.token_hex(6)}"}


def object_names(env: Mapping[str, str]) -> list[str]:
    """All objects of the bucket; none if there is no bucket."""
    client = client_of(env)
    if not client.bucket_exists(env["MINIO_BUCKET_NAME"]):
        return []
    return sorted(found.object_name for found in client.list_objects(env["MINIO_BUCKET_NAME"], recursive=True))


def seconds_in(env: Mapping[str, str], folder: Path, ending: str = "parquet") -> Counter[int]:
    """{second: rows that have it} over all objects, by DuckDB; each row stands in the folder of its date and hour."""
    found: Counter[int] = Counter()
    for row in table_in(env, folder, ending):
        found[int(row["epoch"])] += 1
        assert (row["date"], int(row["hour"])) == (row["day"], row["day_hour"])
    return found


def table_in(env: Mapping[str, str], folder: Path, ending: str = "parquet") -> list[dict[str, Any]]:
    """All rows of all objects, with `epoch`, and what the folders and the rows say of date and hour."""
    client = client_of(env)
    for name in object_names(env):
        client.fget_object(env["MINIO_BUCKET_NAME"], name, str(folder / name))
    reader = "read_parquet" if ending == "parquet" else "read_json"
    objects = f"{reader}('{folder}/sysload/**/*.{ending}', hive_partitioning = true)"
    moments = "CAST(measured_at AS TIMESTAMPTZ) AT TIME ZONE 'UTC' AS m, CAST(date AS VARCHAR) AS date"
    with duckdb.connect() as reading:
        table = reading.execute(
            "SELECT *, epoch(m) AS epoch, strftime(m, '%Y-%m-%d') AS day, hour(m) AS day_hour"
            f" FROM (SELECT * EXCLUDE (date), {moments} FROM {objects}) ORDER BY epoch"
        )
        names = [column[0] for column in table.description]
        return [dict(zip(names, values, strict=True)) for values in table.fetchall()]


@dataclasses.dataclass
class OwnMinio:
    """A server of the test's own, to be killed."""

    sandbox: Sandbox
    env: dict[str, str]

    def kill(self) -> None:
        """SIGKILL, and wait until it is gone."""
        process = psutil.Process(self.sandbox.states()["minio"].pid)
        process.kill()
        assert has_gone(process)

    def start(self) -> None:
        """Start it again, on the same port with the same keys."""
        self.sandbox.up(["minio"])
        assert {**self.sandbox.env(), "MINIO_BUCKET_NAME": ""} == {**self.env, "MINIO_BUCKET_NAME": ""}
