"""`orders.bin`: one bit for each line of a run that the database acknowledged, and one for each cancellation.

The file is mapped into memory, so a bit that is set survives a kill of the process, and ten million orders take
a few megabytes. Layout: a header line of ASCII (format, run, process), padded to 64 bytes; then for the line with
number n the bits 2·n (bought) and 2·n + 1 (cancelled), least significant bit first.
"""

from __future__ import annotations

import mmap
import re
from typing import TYPE_CHECKING

import numpy as np

from lakestorm.errors import ResultsError

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Self

    import numpy.typing as npt

HEADER_BYTES = 64
HEADER = re.compile(rb"(?=[\s\S]{64})lakestorm-orders 1 ([0-9a-f]+) (\d+)\n+")
STEP_BYTES = 1 << 20
BOUGHT, CANCELLED = 0, 1


class AcknowledgedLines:
    """The file of a process that is still writing it."""

    def __init__(self, path: Path, run_hex: str, process: int) -> None:
        self._file = path.open("w+b")
        self._file.write(f"lakestorm-orders 1 {run_hex} {process}".encode().ljust(HEADER_BYTES, b"\n"))
        self._bits = self._map(HEADER_BYTES + STEP_BYTES)

    def bought(self, number: int) -> None:
        """The database acknowledged this line."""
        self._set(2 * number + BOUGHT)

    def bought_all(self, numbers: npt.NDArray[np.int64]) -> None:
        """The same of many lines, each named once; shape (n,), n ≥ 1."""
        byte = HEADER_BYTES + (int(numbers.max()) >> 2)
        if byte >= len(self._bits):
            self._grow(byte)
        bits = np.left_shift(1, 2 * (numbers & 3) + BOUGHT).astype(np.uint8)
        np.bitwise_or.at(np.frombuffer(self._bits, dtype=np.uint8), HEADER_BYTES + (numbers >> 2), bits)

    def cancelled(self, number: int) -> None:
        """The database acknowledged that this line was cancelled."""
        self._set(2 * number + CANCELLED)

    def close(self, lines: int) -> None:
        """Write what is in memory to the disk, and cut the file to as many lines as were numbered."""
        self._bits.flush()
        self._bits.close()
        self._file.truncate(HEADER_BYTES + (2 * lines + 7) // 8)
        self._file.close()

    def _set(self, bit: int) -> None:
        byte = HEADER_BYTES + (bit >> 3)
        if byte >= len(self._bits):
            self._grow(byte)
        self._bits[byte] |= 1 << (bit & 7)

    def _grow(self, byte: int) -> None:
        self._bits.close()
        self._bits = self._map(byte + STEP_BYTES)

    def _map(self, size: int) -> mmap.mmap:
        self._file.truncate(size)
        self._file.flush()
        return mmap.mmap(self._file.fileno(), size)


class AcknowledgedFile:
    """A finished file, read whole: 2 bits a line.

    Attributes:
        process: whose lines these are.
        bought, cancelled: arrays of bool, index = line number.
    """

    def __init__(self, run_hex: str, process: int, bits: npt.NDArray[np.uint8]) -> None:
        self.run_hex = run_hex
        self.process = process
        self._bits = bits

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a file; raises ResultsError if it is not one of ours."""
        data = path.read_bytes()
        header = HEADER.fullmatch(data[:HEADER_BYTES])
        if header is None:
            raise ResultsError(f"{path} is not a list of acknowledged orders that this version can read.")
        return cls(header[1].decode(), int(header[2]), np.frombuffer(data, dtype=np.uint8, offset=HEADER_BYTES))

    def flags(self, which: int) -> npt.NDArray[np.bool_]:
        """Whether each line number was acknowledged as BOUGHT or CANCELLED; shape (lines,)."""
        return np.unpackbits(self._bits, bitorder="little")[which::2].astype(bool)
