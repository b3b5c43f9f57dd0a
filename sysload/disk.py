"""How much to read and write next, in what pieces, and how large the file may be.

owed' = min(rate × OWED_FOR_S or one piece, owed + rate × dt) - moved
file ≤ min(most, file now + free - reserve)      at the reserve it grows no more; below it gives space back
"""

from __future__ import annotations

PAGE_BYTES = 4096
"""Direct I/O wants places and lengths that are multiples of the device's block; 4 KiB is one of all that are sold."""
LARGEST_PIECE_BYTES = 262_144
PIECES_PER_S = 20
OWED_FOR_S = 0.5
"""What a slow disk could not take is made up for no longer than this."""


def piece_bytes(rate_per_s: float) -> int:
    """Size of one read or write: as large as PIECES_PER_S allow, so that slow rates are smooth too; whole pages."""
    pages = int(rate_per_s / PIECES_PER_S) // PAGE_BYTES
    return max(1, pages) * PAGE_BYTES if pages * PAGE_BYTES < LARGEST_PIECE_BYTES else LARGEST_PIECE_BYTES


def owed_bytes(owed: float, rate_per_s: float, dt_s: float) -> float:
    """Bytes that are due now."""
    return min(max(rate_per_s * OWED_FOR_S, piece_bytes(rate_per_s)), owed + rate_per_s * dt_s)


def allowed_bytes(file: int, free: int, reserve: float, most: int) -> int:
    """How large the file may be, in whole largest pieces.

    Args:
        file: its size now.
        free: what its file system has left for us.
        reserve: must stay free.
        most: bound of the file.
    """
    allowed = min(most, max(0, int(file + free - reserve)))
    return allowed // LARGEST_PIECE_BYTES * LARGEST_PIECE_BYTES


def is_read_next(read: int, written: int, read_share: float, *, is_grown: bool) -> bool:
    """Whether the next piece is a read: the share holds over all pieces so far.

    Until the file has its size at least every other piece is a write: who only reads needs something to read.

    Args:
        read: bytes so far.
        written: bytes so far.
        read_share: of both, 0…1.
        is_grown: whether the file has its size.
    """
    share = read_share if is_grown else min(0.5, read_share)
    return written > 0 and read < share * (read + written)
