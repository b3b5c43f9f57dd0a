"""A second as a row of a table, and rows as the bytes of an object: Parquet, or JSON Lines.

The columns come from `Second` itself: a field `host.cpu_percent` is the column `host_cpu_percent`, what is watched is
a list of structs. A field that is added there is a column here; docs/sysload-export.md has them all, as a test sees to.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import functools
import io
import json
import math
import types
import typing
from typing import TYPE_CHECKING, Any, Literal

import pyarrow as pa
from pyarrow import parquet

from sysload.second import Second

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Row = dict[str, Any]
"""{column: value} of one second; its time is `at`, the UTC epoch second."""
MOMENT = "measured_at"
"""The column of the time: `at` alone is a word of SQL."""

PREFIXES = {"targets": "target_"}
"""Of the columns of a group, where it is not the group's own name."""
PLAIN = {int: pa.int64(), float: pa.float64(), str: pa.string(), bool: pa.bool_()}
SECOND_MS = 1000
"""Parquet has no timestamps in seconds, so they stand in milliseconds."""


def row_from_second(second: Second, hostname: str) -> Row:
    """The row of a second; numbers that are none (NaN, ∞) are null."""
    row: Row = {"hostname": hostname}
    for field in dataclasses.fields(second):
        value = getattr(second, field.name)
        if dataclasses.is_dataclass(value):
            row |= {f"{prefix(field.name)}{f.name}": plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
        else:
            row[field.name] = plain(value)
    return row


def plain(value: Any) -> Any:
    """A value as JSON has it."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, tuple):
        return [plain(inner) for inner in value]
    if dataclasses.is_dataclass(value):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    return value


def prefix(group: str) -> str:
    """What the columns of a group begin with."""
    return PREFIXES.get(group, f"{group}_")


@functools.cache
def schema() -> pa.Schema:
    """The table's schema. Every column may be null: a machine need not tell everything, nor an older sys-load."""
    at = pa.field(MOMENT, pa.timestamp("ms", tz="UTC"))
    return pa.schema([at, pa.field("hostname", pa.string()), *columns()])


def columns() -> Iterator[pa.Field]:
    """The columns that come from the fields of a second, but for its time."""
    for name, kind in typing.get_type_hints(Second).items():
        if dataclasses.is_dataclass(kind):
            yield from (pa.field(f"{prefix(name)}{inner.name}", inner.type) for inner in fields_of(kind))
        elif name != "at":
            yield pa.field(name, arrow_type(kind))


def fields_of(group: Any) -> list[pa.Field]:
    """The fields of a dataclass."""
    return [pa.field(name, arrow_type(kind)) for name, kind in typing.get_type_hints(group).items()]


def arrow_type(kind: Any) -> pa.DataType:
    """The type of a column from a field's annotation; raises KeyError on one that has none here."""
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin is tuple:
        return pa.list_(arrow_type(inner[0]))
    if origin is types.UnionType:
        return arrow_type(next(option for option in inner if option is not types.NoneType))
    if origin is Literal:
        return pa.string()
    return pa.struct(fields_of(kind)) if dataclasses.is_dataclass(kind) else PLAIN[kind]


def parquet_from_rows(rows: Sequence[Row]) -> bytes:
    """One Parquet file with these rows, zstd."""
    stamped = [{MOMENT: row["at"] * SECOND_MS, **row} for row in rows]
    table = pa.Table.from_pylist(stamped, schema=schema())
    out = io.BytesIO()
    parquet.write_table(table, out, compression="zstd")
    return out.getvalue()


def json_lines_from_rows(rows: Sequence[Row]) -> bytes:
    """One JSON object a line with the same columns; its time in ISO 8601."""
    stamped = ({MOMENT: iso(row["at"]), **{name: row[name] for name in row if name != "at"}} for row in rows)
    return "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in stamped).encode()


def iso(at: int) -> str:
    """An epoch second as `2026-02-03T04:05:06Z`."""
    return moment(at).strftime("%Y-%m-%dT%H:%M:%SZ")


def moment(at: int) -> dt.datetime:
    """An epoch second as a moment in UTC."""
    return dt.datetime.fromtimestamp(at, dt.UTC)
