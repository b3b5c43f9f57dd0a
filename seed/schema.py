"""Tables: made where there are none, checked where another generator made them, never changed unasked."""

from __future__ import annotations

import dataclasses
from importlib import resources
from typing import TYPE_CHECKING

import psycopg2
import psycopg2.extensions
from psycopg2 import sql

from lakestorm.errors import PlatformError
from seed.progress import say
from seed.rows import COLUMNS as WRITTEN

if TYPE_CHECKING:
    from lakestorm.clients.postgres import Backend

LOCK = 0x5EED_0001
"""Advisory lock of whoever makes tables; two init containers may start together."""

WHOLE = ("int8", "int4", "int2")
MONEY = ("numeric", "float8", "float4", *WHOLE)
TIME = ("timestamptz", "timestamp")
ANY = ()
NEEDED: dict[str, dict[str, tuple[str, ...]]] = {
    "users": {
        "id": WHOLE, "first_name": ANY, "last_name": ANY, "email": ANY, "is_vip": ("bool",),
        "created_at": TIME, "updated_at": TIME,
    },
    "items": {
        "id": WHOLE, "name": ANY, "category": ANY, "price": MONEY, "inventory": WHOLE,
        "created_at": TIME, "updated_at": TIME,
    },
    "purchases": {
        "id": WHOLE, "user_id": WHOLE, "item_id": WHOLE, "campaign_id": ANY, "quantity": WHOLE,
        "purchase_price": MONEY, "order_ref": ("uuid",), "status": ANY, "created_at": TIME, "updated_at": TIME,
    },
    "restocks": {"id": WHOLE, "restock_ref": ("uuid",), "item_id": WHOLE, "quantity": WHOLE, "created_at": TIME},
    "lakestorm_seed": {
        "table_name": ANY, "random_seed": ("int8",), "recipe": ANY, "row_count": ("int8",), "updated_at": TIME,
    },
}  # fmt: skip
"""What the load and the seed rely on: {table: {column: types that do}}, ANY = any type that takes text."""

FILLED = {**{table: set(columns) for table, columns in NEEDED.items()}, "purchases": set(NEEDED["purchases"]) - {"id"}}
FILLED["restocks"] = {"restock_ref", "item_id", "quantity"}
FILLED |= {table: set(columns) for table, columns in WRITTEN.items()}
"""Columns that we give a value; every other must be able to do without."""

PUBLISHED = ("users", "items", "purchases")


@dataclasses.dataclass(frozen=True, slots=True)
class Column:
    """A column as the database has it; `is_left_out` says whether a row may be inserted without it."""

    type: str
    is_left_out: bool


Tables = dict[str, dict[str, Column]]


def create(backend: Backend, *, alter: bool = False) -> None:
    """Make the tables that are missing; with `alter` add the columns that foreign ones lack. All or nothing.

    Raises:
        PlatformError: tables that are there do not fit, and how; or the server refuses.
    """
    try:
        with backend, backend.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK,))
            _refuse_encoding(cursor)
            there = read_tables(cursor)
            _refuse_missing(there, alter=alter)
            _refuse(misfits(there), "Give the load a database of its own, or change these columns.")
            if NEEDED.keys() - there.keys():
                cursor.execute(_text("tables.sql"))
            if alter:
                cursor.execute(_text("columns.sql"))
    except psycopg2.Error as error:
        raise PlatformError(f"The tables could not be made; nothing was changed. {words_of(error)}") from error


def require(backend: Backend) -> None:
    """Raises PlatformError unless all tables are there with what we need of them."""
    with backend, backend.cursor() as cursor:
        there = read_tables(cursor)
    absent = sorted(NEEDED.keys() - there.keys())
    if absent:
        raise PlatformError(f"The database has no table {', '.join(absent)}. Run `python -m seed schema` first.")
    _refuse_missing(there, alter=False)
    _refuse(misfits(there), "Give the load a database of its own, or change these columns.")


def publish(backend: Backend, name: str) -> None:
    """Make a publication of the shop's tables for Debezium, or add to one what it lacks.

    Raises:
        PlatformError: the server refuses.
    """
    try:
        with backend, backend.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_publication WHERE pubname = %s", (name,))
            is_there = cursor.fetchone() == (1,)
            cursor.execute("SELECT tablename FROM pg_publication_tables WHERE pubname = %s", (name,))
            published = {row[0] for row in cursor.fetchall()}
            lacking = [sql.Identifier(table) for table in PUBLISHED if table not in published]
            verb = "ALTER PUBLICATION {} ADD TABLE {}" if is_there else "CREATE PUBLICATION {} FOR TABLE {}"
            if lacking:
                cursor.execute(sql.SQL(verb).format(sql.Identifier(name), sql.SQL(", ").join(lacking)))
            cursor.execute("SHOW wal_level")
            level = str((cursor.fetchone() or ("",))[0])
    except psycopg2.Error as error:
        raise PlatformError(f"The publication {name} could not be made. {words_of(error)}") from error
    if level != "logical":
        say(f"wal_level is {level}: Debezium reads nothing until it is logical and the server was started again.")


def read_tables(cursor: psycopg2.extensions.cursor) -> Tables:
    """Those of our tables that the search path finds, with all their columns."""
    cursor.execute(
        "SELECT table_name, column_name, udt_name,"
        " is_nullable = 'YES' OR column_default IS NOT NULL OR is_identity = 'YES' OR is_generated = 'ALWAYS'"
        " FROM information_schema.columns"
        " WHERE table_schema = ANY (current_schemas(false)) AND table_name = ANY (%s)",
        (list(NEEDED),),
    )
    tables: Tables = {}
    for table, column, type_name, is_left_out in cursor.fetchall():
        tables.setdefault(table, {})[column] = Column(type_name, is_left_out)
    return tables


def misfits(there: Tables) -> list[str]:
    """A phrase for each column of another type than we can use, or that our rows would leave empty."""
    wrong = [
        f"{table}.{name} is {column.type}, not {' or '.join(types)}"
        for table, columns in there.items()
        for name, column in columns.items()
        if (types := NEEDED[table].get(name, ANY)) and column.type not in types
    ]
    return wrong + [
        f"{table}.{name} must not be null and has no default"
        for table, columns in there.items()
        for name, column in columns.items()
        if name not in FILLED[table] and not column.is_left_out
    ]


def words_of(error: psycopg2.Error) -> str:
    """What the server said, on one line that ends as a sentence."""
    return "PostgreSQL says: " + (" ".join(str(error).split()) or type(error).__name__).rstrip(".") + "."


def _refuse_missing(there: Tables, *, alter: bool) -> None:
    lacking = [f"{t}.{c}" for t in there for c in NEEDED[t] if c not in there[t]]
    keys = [name for name in lacking if name.endswith(".id")]
    if keys:
        _refuse(keys, "A key cannot be added afterwards: give the load a database of its own.", "lack")
    if not alter:
        _refuse(lacking, "`python -m seed schema --alter` adds them; rows that are there stay.", "lack")


def _refuse(faults: list[str], advice: str, verb: str = "do not fit") -> None:
    if faults:
        what = f"lack {', '.join(faults)}" if verb == "lack" else f"do not fit: {'; '.join(faults)}"
        raise PlatformError(f"The database's tables {what}. Nothing was changed. {advice}")


def _refuse_encoding(cursor: psycopg2.extensions.cursor) -> None:
    cursor.execute("SHOW server_encoding")
    encoding = str((cursor.fetchone() or ("",))[0])
    if encoding != "UTF8":
        raise PlatformError(f"The database's encoding is {encoding}: names of many languages need UTF8.")


def _text(name: str) -> str:
    return resources.files("seed").joinpath(name).read_text(encoding="utf-8")
