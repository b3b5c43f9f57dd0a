"""The shop's books as PostgreSQL has them, in one snapshot and in bounded memory."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Self

import numpy as np
import psycopg2.extensions

from lakestorm.model.orders import RESTOCK_PROCESS, RunKey

if TYPE_CHECKING:
    from collections.abc import Callable

    from lakestorm.clients.postgres import Backend

COPY_HEADER_BYTES = 19
LINE = np.dtype(
    [
        ("fields", ">i2"),
        ("l0", ">i4"), ("high", ">u8"), ("low", ">u8"),
        ("l1", ">i4"), ("item", ">i8"),
        ("l2", ">i4"), ("quantity", ">i4"),
        ("l3", ">i4"), ("cancelled", ">i4"),
    ]
)  # fmt: skip
"""A row of COPY's binary format: each field behind its length."""


@dataclasses.dataclass(frozen=True, slots=True)
class Others:
    """What in the books is not this run's: if it changes, somebody else writes too."""

    rows: int
    cancelled: int
    units: int
    restocks: int


@dataclasses.dataclass(frozen=True, slots=True)
class Baseline:
    """The books before the first request.

    Attributes:
        run: the run's key.
        stock: units by item id.
        others: rows that are not this run's.
    """

    run: RunKey
    stock: dict[int, int]
    others: Others

    def to_json(self) -> str:
        """Text of baseline.json."""
        stock = [[item, units] for item, units in self.stock.items()]
        return json.dumps({"run": self.run.hex, "others": dataclasses.asdict(self.others), "stock": stock})

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The opposite of `to_json`."""
        data = json.loads(text)
        return cls(RunKey.from_hex(data["run"]), dict(data["stock"]), Others(**data["others"]))


@dataclasses.dataclass(frozen=True, slots=True)
class Books:
    """The books after the last request: stock now, restocked units, and what is not this run's."""

    stock: dict[int, int]
    restocked: dict[int, int]
    others: Others


def take_baseline(backend: Backend, run: RunKey) -> Baseline:
    """Photograph stock and foreign rows in one snapshot."""
    in_snapshot(backend)
    stock, others = stock_of(backend), others_of(backend, run)
    backend.commit()
    return Baseline(run, stock, others)


def read_books(backend: Backend, run: RunKey, each: Callable[[np.ndarray], None]) -> Books:
    """Read everything in one snapshot.

    Args:
        backend: a connection that is not used by greenlets (COPY is not possible there).
        run: whose lines.
        each: called with arrays of dtype LINE, the run's lines in any order, some ten thousand at a time.
    """
    in_snapshot(backend)
    stock, restocked, others = stock_of(backend), restocked_by(backend, run), others_of(backend, run)
    stream = BinaryRows(each)
    with backend.cursor() as cursor:
        lines = cursor.mogrify(
            "SELECT order_ref, item_id::bigint, quantity::int, (status = 'cancelled')::int FROM purchases"
            " WHERE order_ref BETWEEN %s AND %s",
            (run.first, run.last),
        ).decode()
        cursor.copy_expert(f"COPY ({lines}) TO STDOUT (FORMAT binary)", stream)
    stream.finish()
    backend.commit()
    return Books(stock, restocked, others)


def in_snapshot(backend: Backend) -> None:
    """Everything read until the next commit is of one moment, and may take its time: ten million lines do."""
    backend.set_session(
        isolation_level=psycopg2.extensions.ISOLATION_LEVEL_REPEATABLE_READ, readonly=True, autocommit=False
    )
    with backend.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = 0")  # the setting's limit is for requests of the load


def stock_of(backend: Backend) -> dict[int, int]:
    """Units by item id."""
    with backend.cursor() as cursor:
        cursor.execute("SELECT id, inventory FROM items ORDER BY id")
        return dict(cursor.fetchall())


def restocked_by(backend: Backend, run: RunKey) -> dict[int, int]:
    """Units that this run put back on the shelf, by item id."""
    with backend.cursor() as cursor:
        cursor.execute(
            "SELECT item_id, sum(quantity)::bigint FROM restocks WHERE restock_ref BETWEEN %s AND %s GROUP BY item_id",
            (run.reference(RESTOCK_PROCESS, 0), run.last),
        )
        return dict(cursor.fetchall())


def others_of(backend: Backend, run: RunKey) -> Others:
    """Rows that are not this run's."""
    with backend.cursor() as cursor:
        cursor.execute(
            "SELECT count(*), count(*) FILTER (WHERE status = 'cancelled'), coalesce(sum(quantity), 0)::bigint"
            " FROM purchases WHERE order_ref IS NULL OR order_ref NOT BETWEEN %s AND %s",
            (run.first, run.last),
        )
        rows, cancelled, units = cursor.fetchone() or (0, 0, 0)
        cursor.execute("SELECT count(*) FROM restocks WHERE restock_ref NOT BETWEEN %s AND %s", (run.first, run.last))
        (restocks,) = cursor.fetchone() or (0,)
    return Others(rows, cancelled, units, restocks)


class BinaryRows:
    """A file for COPY … TO STDOUT (FORMAT binary) whose rows all have the same width."""

    def __init__(self, each: Callable[[np.ndarray], None]) -> None:
        self._each = each
        self._rest = bytearray()
        self._begun = False

    def write(self, data: bytes) -> int:
        """Take the next bytes, pass on the whole rows among them. They come row by row."""
        self._rest += data
        if not self._begun and len(self._rest) >= COPY_HEADER_BYTES:
            del self._rest[:COPY_HEADER_BYTES]
            self._begun = True
        if len(self._rest) >= LINE.itemsize * 10_000:
            self._pass_on()
        return len(data)

    def finish(self) -> None:
        """Pass on what is left."""
        self._pass_on()

    def _pass_on(self) -> None:
        whole = len(self._rest) // LINE.itemsize * LINE.itemsize
        if whole:
            self._each(np.frombuffer(bytes(self._rest[:whole]), dtype=LINE))
        del self._rest[:whole]
