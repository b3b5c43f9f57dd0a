"""Bytes that nothing can make smaller: no compressing file system or memory, and no merging of equal pages.

Random bytes are made once; each piece is a copy of a stretch of them that begins at another byte than the one before.
That is as fast as copying, where making new random bytes would take a core at 400 MB/s.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import mmap

PIECE_BYTES = 1 << 20
"""The largest piece."""
STARTS = 4_194_301
"""Places where a piece may begin: a prime, so that steps of any length come by all of them before one comes again."""
STEP = 1_618_033


class Noise:
    """A source of pieces; each page (4 KiB) of 16 GB of them in a row differs from all others."""

    def __init__(self) -> None:
        self._bytes = memoryview(os.urandom(STARTS + PIECE_BYTES))
        self._start = 0

    def fill(self, target: mmap.mmap, count: int) -> None:
        """Write the first bytes of a mapping anew; at most PIECE_BYTES."""
        self._start = (self._start + STEP) % STARTS
        target[:count] = self._bytes[self._start : self._start + count]
