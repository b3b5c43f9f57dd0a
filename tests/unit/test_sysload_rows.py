"""A second as a row, and rows as bytes: read back by another reader than the one that wrote them."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import math
import re
from pathlib import Path

import duckdb
import pytest

from sysload.rows import MOMENT, Row, json_lines_from_rows, parquet_from_rows, row_from_second, schema
from tests.made_seconds import AT, a_second

DOCS = Path(__file__).parents[2] / "docs" / "sysload-export.md"


def without_at(row: Row) -> Row:
    """The columns of a row but for its time."""
    return {name: value for name, value in row.items() if name != "at"}


def test_every_field_of_a_second_has_its_column() -> None:
    """A row has the columns of the schema, no more and no fewer, each with the field's own value."""
    second = a_second()
    row = row_from_second(second, "a-host")
    assert set(row) - {"at"} == set(schema().names) - {MOMENT}
    assert (row["at"], row["hostname"], row["target_cpu_percent"], row["host_cpu_percent"]) == (
        AT,
        "a-host",
        40.5,
        55.5,
    )
    assert (row["container_throttled_ms"], row["stall_cpu_some"], row["achieved_cpu_percent"]) == (None, 12.5, 39.75)
    assert row["watched"] == [dataclasses.asdict(second.watched[0])]
    assert row["shortfalls"] == ["the disk is slow"]


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_a_number_that_is_none_is_null(number: float) -> None:
    """NaN and infinities, which JSON does not have, become null."""
    second = a_second()
    second = dataclasses.replace(second, host=dataclasses.replace(second.host, load_1=number))
    assert row_from_second(second, "h")["host_load_1"] is None


def test_parquet_is_read_back_by_another_reader(tmp_path: Path) -> None:
    """DuckDB finds the same values, types and nulls in what pyarrow wrote."""
    rows = [row_from_second(a_second(AT + i, watched=i), "h") for i in range(3)]
    file = tmp_path / "x.parquet"
    file.write_bytes(parquet_from_rows(rows))
    with duckdb.connect() as reading:
        table = reading.execute(f"SELECT * FROM '{file}' ORDER BY measured_at")
        types = {name: str(kind) for name, kind, *_ in table.description}
        read = [dict(zip(types, values, strict=True)) for values in table.fetchall()]
    at = [dt.datetime.fromtimestamp(AT + i, dt.UTC) for i in range(3)]
    assert read == [without_at(row) | {MOMENT: moment} for row, moment in zip(rows, at, strict=True)]
    assert (types[MOMENT], types["restarts"], types["host_load_1"]) == ("TIMESTAMP WITH TIME ZONE", "BIGINT", "DOUBLE")


def test_json_lines_are_read_back() -> None:
    """Each line is one row as JSON, its time in ISO 8601."""
    rows = [row_from_second(a_second(AT + i), "h") for i in range(2)]
    lines = json_lines_from_rows(rows).decode().splitlines()
    assert [json.loads(line) for line in lines] == [
        without_at(row) | {MOMENT: f"2026-02-03T04:04:0{5 + i}Z"} for i, row in enumerate(rows)
    ]


def test_a_row_of_an_older_version_fits(tmp_path: Path) -> None:
    """What an earlier sys-load spooled, without a column of today and with one that is gone, is exported too."""
    row = row_from_second(a_second(), "h")
    del row["host_load_1"]
    row["gone"] = 5
    file = tmp_path / "x.parquet"
    file.write_bytes(parquet_from_rows([row]))
    with duckdb.connect() as reading:
        read = reading.execute(f"SELECT host_load_1, host_cpu_percent FROM '{file}'").fetchall()
    assert read == [(None, 55.5)]


def test_the_schema_in_the_docs_is_the_real_one() -> None:
    """The table of columns in docs/sysload-export.md names each column with its type, in order."""
    text = DOCS.read_text(encoding="utf-8")
    section = text[text.index("## Columns") :]
    documented = re.findall(r"^\| `(\w+)` \| ([^|]+?) \|", section, re.MULTILINE)
    names = {"double": "double", "int64": "int64", "string": "string", "timestamp[ms, tz=UTC]": "timestamp (ms, UTC)"}
    real = [(field.name, names.get(str(field.type), "list")) for field in schema()]
    inner = [(f"watched.{f.name}", str(f.type)) for f in schema().field("watched").type.value_type]
    watched = re.findall(r"^\| `(watched\.\w+)` \| ([^|]+?) \|", section, re.MULTILINE)
    assert documented == real
    assert watched == inner
