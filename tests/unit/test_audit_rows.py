"""Rows of COPY's binary format, in whatever pieces they come."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lakestorm.clients.audit import COPY_HEADER_BYTES, LINE, BinaryRows


@given(
    count=st.integers(0, 60),
    sizes=st.lists(st.integers(1, 200), min_size=1),
    trailer=st.sampled_from([b"", b"\xff\xff"]),
)
def test_rows_come_whole_and_in_order(count: int, sizes: list[int], trailer: bytes) -> None:
    """Header and trailer are no rows, and no row is lost or torn, wherever the pieces end."""
    rows = np.zeros(count, dtype=LINE)
    rows["item"], rows["low"] = np.arange(count), np.arange(count) * 7
    data = bytes(range(COPY_HEADER_BYTES)) + rows.tobytes() + trailer
    found: list[np.ndarray] = []
    stream, place, turn = BinaryRows(found.append), 0, 0
    while place < len(data):
        size = sizes[turn % len(sizes)]
        assert stream.write(data[place : place + size]) == len(data[place : place + size])
        place, turn = place + size, turn + 1
    stream.finish()
    assert b"".join(part.tobytes() for part in found) == rows.tobytes()


def test_many_rows_come_in_parts() -> None:
    """A table of any size is passed on ten thousand rows at a time, and parts stay as they were when more comes."""
    rows = np.zeros(25_000, dtype=LINE)
    rows["item"] = np.arange(25_000)
    found: list[np.ndarray] = []
    stream = BinaryRows(found.append)
    data = bytes(COPY_HEADER_BYTES) + rows.tobytes()
    for start in range(0, len(data), 7_777):
        stream.write(data[start : start + 7_777])
    stream.finish()
    assert [len(part) // 1_000 for part in found] == [10, 10, 4]
    assert b"".join(part.tobytes() for part in found) == rows.tobytes()
