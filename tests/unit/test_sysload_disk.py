"""What the disk's worker moves next, and how large its file may be."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sysload.disk import (
    LARGEST_PIECE_BYTES,
    OWED_FOR_S,
    PAGE_BYTES,
    allowed_bytes,
    is_read_next,
    owed_bytes,
    piece_bytes,
)

MIB = 1 << 20


@pytest.mark.parametrize(
    ("rate", "piece"),
    [(0, 4096), (1, 4096), (100_000, 4096), (1e6, 49_152), (5e6, 249_856), (6e6, 262_144), (1e12, 262_144)],
)
def test_the_size_of_a_piece(rate: float, piece: int) -> None:
    """Slow rates move in small pieces, fast ones in large; direct I/O takes both."""
    assert piece_bytes(rate) == piece
    assert piece % PAGE_BYTES == 0


@given(rate=st.floats(0, 1e11), steps=st.lists(st.tuples(st.floats(0, 5), st.floats(0, 1)), max_size=50))
def test_a_slow_disk_is_not_made_up_for_long(rate: float, steps: list[tuple[float, float]]) -> None:
    """Whatever the disk took so far, never more is owed than half a second of the rate, or one piece."""
    owed = 0.0
    for dt_s, part in steps:
        owed = owed_bytes(owed, rate, dt_s)
        assert 0 <= owed <= max(rate * OWED_FOR_S, piece_bytes(rate))
        owed -= part * owed


def test_a_disk_that_follows_gets_the_rate() -> None:
    """What is due adds up to the rate, however slow."""
    for rate in (50_000.0, 1e6, 20e6):
        owed, moved = 0.0, 0
        for _ in range(600):
            owed = owed_bytes(owed, rate, 0.1)
            pieces = int(owed / piece_bytes(rate))
            owed, moved = owed - pieces * piece_bytes(rate), moved + pieces * piece_bytes(rate)
        assert moved == pytest.approx(60 * rate, rel=0.005)


@pytest.mark.parametrize(
    ("file", "free", "reserve", "allowed"),
    [
        (0, 1000, 100, 256),
        (256, 1000, 100, 256),
        (0, 164, 100, 64),
        (64, 100, 100, 64),  # at the reserve: as it is, no more
        (64, 90, 100, 54),  # others took of the reserve: space is given back
        (64, 10, 100, 0),
        (0, 0, 100, 0),
        (0, 10, 0, 10),
    ],
)
def test_how_large_the_file_may_be(file: int, free: int, reserve: int, allowed: int) -> None:
    """As large as its bound, the reserve and the space on the disk let it, in MiB."""
    assert allowed_bytes(file * MIB, free * MIB, reserve * MIB, 256 * MIB) == allowed * MIB


@given(
    file=st.integers(0, 1 << 40), free=st.integers(0, 1 << 40), reserve=st.floats(0, 1e12), most=st.integers(0, 1 << 40)
)
def test_the_file_never_takes_the_reserve(file: int, free: int, reserve: float, most: int) -> None:
    """A file of the allowed size leaves the reserve free, or is empty; it never passes its bound."""
    allowed = allowed_bytes(file, free, reserve, most)
    assert 0 <= allowed <= most
    assert allowed % LARGEST_PIECE_BYTES == 0
    assert allowed == 0 or free + file - allowed >= reserve - 1


@given(share=st.floats(0, 1))
def test_reads_have_their_share(share: float) -> None:
    """Over a thousand pieces of a file that is grown, the share of reads is what was asked for."""
    read, written = 0, 1
    for _ in range(1000):
        if is_read_next(read, written, share, is_grown=True):
            read += 1
        else:
            written += 1
    assert read == pytest.approx(1000 * share, abs=2)


def test_there_is_something_to_read_first() -> None:
    """The first piece is a write, and until the file is grown at least every other one."""
    assert not is_read_next(0, 0, 1.0, is_grown=True)
    assert is_read_next(0, 1, 1.0, is_grown=False)
    assert not is_read_next(1, 1, 1.0, is_grown=False)
    assert is_read_next(1, 1, 1.0, is_grown=True)
